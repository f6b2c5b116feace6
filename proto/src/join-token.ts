import { WombatError } from './errors/wombat-error.js';

export interface JoinToken {
  /** Lower-case hex of the sha256 of the CA certificate in DER. */
  readonly caSha256: string;
  /** Id of the token, "tok-...". */
  readonly id: string;
  /** 256 bits, base64url. */
  readonly secret: string;
}

const pattern = /^wo1\.([0-9a-f]{64})\.(tok-[a-z2-7]{12})\.([A-Za-z0-9_-]{43})$/;

export function formatJoinToken(token: JoinToken): string {
  return `wo1.${token.caSha256}.${token.id}.${token.secret}`;
}

/** @throws WombatError WO_TOKEN_MALFORMED; the message never holds the text. */
export function parseJoinToken(text: string): JoinToken {
  const match = pattern.exec(text.trim());
  if (!match) throw new WombatError('WO_TOKEN_MALFORMED', 'this is no join token of the form wo1.<ca-sha256>.<id>.<secret>');
  return { caSha256: match[1]!, id: match[2]!, secret: match[3]! };
}
