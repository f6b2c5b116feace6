import type { OperatorToken } from '@wombat/proto/control';
import type { Column } from '../../output/table.js';
import { relative } from '../../output/time.js';

export function operatorColumns(nowMs: number): readonly Column<OperatorToken>[] {
  return [
    { title: 'NAME', text: (token) => token.metadata?.name ?? '' },
    { title: 'ID', text: (token) => token.metadata?.id ?? '' },
    { title: 'ROLES', text: (token) => token.roles.join(', ') || token.permissions.join(', ') },
    { title: 'STATE', text: (token) => stateOf(token, nowMs) },
    { title: 'EXPIRES', text: (token) => (token.expiresAt ? relative(token.expiresAt, nowMs) : 'never') },
    { title: 'LAST USED', text: (token) => (token.lastUsedAt ? `${relative(token.lastUsedAt, nowMs)} from ${token.lastUsedFrom}` : 'never') },
    { title: 'CREATED', text: (token) => relative(token.metadata?.createdAt, nowMs), optional: 1 },
  ];
}

function stateOf(token: OperatorToken, nowMs: number): string {
  if (token.revokedAt) return 'revoked';
  return token.expiresAt && token.expiresAt.getTime() <= nowMs ? 'expired' : 'good';
}
