import type { InputStream, OutputStream } from './io.js';

/** One line typed without echo. */
export function askHidden(input: InputStream, output: OutputStream, question: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = '';
    const finish = (settle: () => void): void => {
      input.off('data', onData);
      signal.removeEventListener('abort', onAbort);
      input.setRawMode?.(false);
      input.pause();
      output.write('\n');
      settle();
    };
    const onAbort = (): void => finish(() => reject(signal.reason as Error));
    const onData = (chunk: Buffer | string): void => {
      for (const character of chunk.toString()) {
        if (character === '\r' || character === '\n' || character === '\x04') return finish(() => resolve(typed));
        if (character === '\x03') return finish(() => process.kill(process.pid, 'SIGINT'));
        typed = character === '\x7f' || character === '\b' ? typed.slice(0, -1) : typed + character;
      }
    };
    output.write(question);
    input.setRawMode?.(true);
    input.on('data', onData);
    input.resume();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
