import { parse as parseWords } from 'shell-quote';
import { z } from 'zod';
import type { Address } from '../api/doors/address.js';

/** How a value is written where there is only text (environment and flags). */
export type Form = 'text' | 'address' | 'integer' | 'boolean' | 'list' | 'argv';

const addressPattern = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/@]{1,253})):(\d{1,5})$/;

/** "host:port"; port 0 takes a free one. */
export const address: z.ZodType<Address> = z.string().transform((text, context): Address => {
  const match = addressPattern.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    context.addIssue({ code: 'custom', message: 'is no "host:port", with an IPv6 address in brackets' });
    return z.NEVER;
  }
  return { host: match[1] ?? match[2]!, port };
});

/** An address that others are told: a port must have been chosen. */
export const advertisedAddress: z.ZodType<Address> = address.refine(({ port }) => port > 0, { message: 'needs a port that others can connect to' });

export function integer(minimum: number, maximum: number): z.ZodType<number> {
  return z.number().int().min(minimum).max(maximum);
}

/** Whether only this machine can reach what listens there. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** Text of the environment or a flag -> the value that the file would have. What does not fit is left for the schema to refuse. */
export function fromText(form: Form, text: string): unknown {
  switch (form) {
    case 'integer':
      return /^-?\d{1,15}$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'list':
      return text === '' ? [] : text.split(',').map((item) => item.trim());
    case 'argv':
      return parseWords(text);
    default:
      return text;
  }
}
