import { request } from 'node:http';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { tellResult, type WoOptions, type WoResult } from '../../support/wo.js';
import type { Workshop } from '../../support/workshop.js';
import type { Printed } from './canary-hunt.js';

type Times = Omit<WoOptions, 'configDirectory'>;

/** A workshop of which every answer is kept. */
export class Stage {
  readonly printed: Printed[] = [];

  constructor(readonly workshop: Workshop) {}

  /** `label` names what is run; what it prints is kept under that. */
  async wo(label: string, words: readonly string[], times: Times = {}): Promise<WoResult> {
    const result = await this.workshop.spawnWo(words, times).ended;
    this.printed.push({ label, text: `${result.stdout}\n${result.stderr}` });
    return result;
  }

  async ok(label: string, words: readonly string[], times: Times = {}): Promise<string> {
    const result = await this.wo(label, words, times);
    if (result.code !== 0) throw new Error(`this should succeed: ${tellResult(result)}`);
    return result.stdout.trim();
  }

  /** Must not succeed: answers what it said. */
  async refused(label: string, words: readonly string[], times: Times = {}): Promise<string> {
    const result = await this.wo(label, words, times);
    if (result.code === 0) throw new Error(`this should be refused: ${tellResult(result)}`);
    return result.stderr;
  }

  /** Through the HTTP door. */
  async http(path: string, body: string): Promise<number> {
    const { token } = await this.workshop.coordinator.credentials();
    const { http = '' } = await this.workshop.coordinator.connect();
    const [host, port] = http.split(':');
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    return await new Promise((resolve, reject) => {
      const asked = request({ host, port: Number(port), method: 'POST', path, headers }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.once('end', () => {
          this.printed.push({ label: `POST ${path}`, text });
          resolve(answer.statusCode ?? 0);
        });
      });
      asked.once('error', reject);
      asked.end(body);
    });
  }

  /** A file that holds a secret, as an operator has one. */
  async file(name: string, content: string): Promise<string> {
    const path = join(this.workshop.directory, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  }
}
