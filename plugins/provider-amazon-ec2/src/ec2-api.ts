import { EC2Client, type ServiceInputTypes, type ServiceOutputTypes } from '@aws-sdk/client-ec2';
import { ProviderError } from '@wombat/plugin-sdk';
import { toProviderError } from './ec2-error.js';
import { mostPages } from './limits.js';
import './sdk-warnings.js';
import type { Ec2Settings } from './settings.js';

/** The calls of one account in one region: each asks once, and fails with a ProviderError. */
export class Ec2Api {
  readonly #client: EC2Client;
  readonly #secrets: readonly string[];

  constructor({ accessKeyId, secretAccessKey, sessionToken, region, endpoint }: Ec2Settings) {
    this.#secrets = [secretAccessKey, sessionToken, accessKeyId].filter((secret) => secret !== undefined);
    this.#client = new EC2Client({
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
      // Throttling and failures are reported; the coordinator knows when to try again.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: 5_000, requestTimeout: 60_000, throwOnRequestTimeout: true },
    });
  }

  /** @throws ProviderError, or the reason of the signal */
  async send<Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(command: Command<Input, Output>, signal: AbortSignal): Promise<Output> {
    signal.throwIfAborted();
    try {
      return await this.#client.send(command, { abortSignal: signal });
    } catch (error) {
      signal.throwIfAborted();
      throw toProviderError(error, (text) => this.#hide(text));
    }
  }

  /** All pages, one after another; `next` makes the command of the page that the token leads to. */
  async all<Input extends ServiceInputTypes, Output extends ServiceOutputTypes & { NextToken?: string | undefined }, Item>(
    next: (token: { NextToken?: string }) => Command<Input, Output>,
    items: (page: Output) => readonly Item[] | undefined,
    signal: AbortSignal,
  ): Promise<Item[]> {
    const found: Item[] = [];
    let token: string | undefined;
    for (let pages = 0; pages < mostPages; pages += 1) {
      const page: Output = await this.send(next(token ? { NextToken: token } : {}), signal);
      found.push(...(items(page) ?? []));
      token = page.NextToken;
      if (!token) return found;
    }
    throw ProviderError.unavailable(`a list of EC2 has more than ${mostPages} pages`);
  }

  close(): void {
    this.#client.destroy();
  }

  #hide(text: string): string {
    return this.#secrets.reduce((shown, secret) => shown.replaceAll(secret, '***'), text);
  }
}

type Command<Input extends ServiceInputTypes, Output extends ServiceOutputTypes> = Parameters<typeof EC2Client.prototype.send<Input, Output>>[0];
