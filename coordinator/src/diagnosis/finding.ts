import { FindingLevel, type Finding } from '@wombat/proto/control';

export interface Trouble {
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
  readonly code?: string;
}

export function pass(subject: string, check: string, message: string): Finding {
  return { level: FindingLevel.PASS, subject, check, message, hint: '', code: '' };
}

export function warn(subject: string, check: string, { message, hint, code = '' }: Trouble): Finding {
  return { level: FindingLevel.WARN, subject, check, message, hint, code };
}

export function fail(subject: string, check: string, { message, hint, code = '' }: Trouble): Finding {
  return { level: FindingLevel.FAIL, subject, check, message, hint, code };
}

/** "3.2 GiB" */
export function gibibytes(bytes: bigint | number): string {
  return `${(Number(bytes) / 1024 ** 3).toFixed(1)} GiB`;
}
