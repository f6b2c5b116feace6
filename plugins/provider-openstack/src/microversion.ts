import { ProviderError } from '@wombat/plugin-sdk';

/** 2.52 (Pike) is the first that takes tags at creation; up to 2.96 nothing changes of what is used here. */
const oldest = 52;
const newest = 96;

/**
 * The oldest version of Nova's API that both sides speak: each later one changes answers.
 *
 * @throws ProviderError unavailable when there is none
 */
export function microversionOf(serverOldest: string, serverNewest: string): string {
  const chosen = Math.max(oldest, minorOf(serverOldest));
  if (chosen <= Math.min(newest, minorOf(serverNewest))) return `2.${chosen}`;
  throw ProviderError.unavailable(`nova speaks versions ${serverOldest} to ${serverNewest} of its API, this driver 2.${oldest} to 2.${newest}`);
}

function minorOf(version: string): number {
  const match = /^2\.(\d{1,4})$/.exec(version);
  if (!match) throw ProviderError.unavailable('nova does not say which versions of its API it speaks');
  return Number(match[1]);
}
