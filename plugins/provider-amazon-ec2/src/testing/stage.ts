import { randomBytes } from 'node:crypto';
import { ProviderError, systemClock, type CreateHostResult, type HostSpec, type JsonObject, type Machine, type ProviderFailure } from '@wombat/plugin-sdk';
import { FakeHost, type FakeHostOptions } from '@wombat/plugin-sdk/testing';
import type { Test } from 'tap';
import { Ec2Provider } from '../ec2-provider.js';
import { ec2Settings } from '../settings.js';
import { Ec2View } from './view.js';

/** Never to be seen anywhere. */
export const secretKey = 'canary/of+the+secret+access+key';

export interface StageOptions extends FakeHostOptions {
  readonly settings?: JsonObject;
  readonly instancesPerPage?: number;
}

/** A provider for one cluster, and what its server has; whatever the cluster has is gone after the test. */
export class Stage {
  readonly clusterId = `test-${randomBytes(5).toString('hex')}`;
  readonly region = 'eu-west-1';
  readonly view: Ec2View;
  readonly provider: Ec2Provider;
  readonly host: FakeHost;
  readonly #endpoint: string;
  readonly #options: StageOptions;

  constructor(t: Test, endpoint: string, options: StageOptions = {}) {
    this.#endpoint = endpoint;
    this.#options = options;
    this.view = new Ec2View(endpoint, this.region);
    this.host = new FakeHost({ installPayload: (hostId) => new TextEncoder().encode(payloadOf(hostId)), ...options });
    this.provider = this.another();
    t.teardown(() => this.provider.close());
  }

  /** The same provider as a coordinator has it that was started again. */
  another(): Ec2Provider {
    const { settings = {}, instancesPerPage } = this.#options;
    return new Ec2Provider({
      settings: ec2Settings.parse({ accessKeyId: 'AKIAWOMBATTEST', secretAccessKey: secretKey, region: this.region, endpoint: this.#endpoint, ...settings }),
      clusterId: this.clusterId, host: this.host, clock: systemClock, ...(instancesPerPage === undefined ? {} : { instancesPerPage }),
    });
  }

  async instances() {
    return this.view.instances(this.clusterId);
  }
}

export function payloadOf(hostId: string): string {
  return `#!/bin/sh\n# token of ${hostId}\n`;
}

export function hostId(n: number): string {
  return `host-${n.toString(2).padStart(12, '0').replace(/0/g, 'a').replace(/1/g, 'b')}`;
}

/** A small host with this number. */
export function spec(n: number, image: string, changed: Partial<HostSpec> = {}): HostSpec {
  return {
    key: `key-${n}`, hostId: hostId(n), image, hardwareProfile: 't3.small', region: '', zone: '', tags: {}, firewallGroup: '', spot: false, labels: [], ...changed,
  };
}

export function specs(count: number, image: string, changed: Partial<HostSpec> = {}): HostSpec[] {
  return Array.from({ length: count }, (_, n) => spec(n, image, changed));
}

/** @throws Error when none was made */
export function machineOf(result: CreateHostResult | undefined): Machine {
  if (result?.outcome?.$case === 'machine') return result.outcome.value;
  throw new Error(`no machine: ${failureOf(result)?.message}`);
}

export function failureOf(result: CreateHostResult | undefined): ProviderFailure | undefined {
  return result?.outcome?.$case === 'failure' ? result.outcome.value : undefined;
}

/** What a call is refused with. */
export async function refusalOf(work: Promise<unknown>): Promise<Pick<ProviderError, 'kind' | 'field' | 'message' | 'mayRetry' | 'retryAfterMs'>> {
  const error: unknown = await work.then(() => undefined, (reason: unknown) => reason);
  if (!ProviderError.is(error)) throw new Error(`it should have been refused, not ${String(error)}`);
  const { kind, field, message, mayRetry, retryAfterMs } = error;
  return { kind, field, message, mayRetry, retryAfterMs };
}

export function call(timeoutMs = 60_000): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(timeoutMs) };
}
