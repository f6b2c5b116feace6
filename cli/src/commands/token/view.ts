import type { JoinToken } from '@wombat/proto/control';
import type { Column } from '../../output/table.js';
import { relative } from '../../output/time.js';

export function tokenColumns(nowMs: number): readonly Column<JoinToken>[] {
  return [
    { title: 'ID', text: (token) => token.metadata?.id ?? '' },
    { title: 'HOST', text: (token) => token.hostName || token.hostId },
    { title: 'STATE', text: (token) => tokenState(token, nowMs) },
    { title: 'EXPIRES', text: (token) => relative(token.expiresAt, nowMs) },
    { title: 'CREATED', text: (token) => relative(token.metadata?.createdAt, nowMs), optional: 1 },
  ];
}

export function tokenState(token: JoinToken, nowMs: number): string {
  if (token.revokedAt) return 'revoked';
  if (token.usedAt) return `used ${relative(token.usedAt, nowMs)}${token.usedFrom && ` from ${token.usedFrom}`}`;
  return token.expiresAt && token.expiresAt.getTime() <= nowMs ? 'expired' : 'unused';
}
