import { checkName, durationToMs, WombatError, type Clock } from '@wombat/proto';
import { OperatorServiceService, type OperatorToken as OperatorTokenMessage } from '@wombat/proto/control';
import { principalOf } from '../../auth/identity.js';
import type { Operators } from '../../auth/operators.js';
import { grantedTo, permissionsOf, rolesOf } from '../../auth/roles.js';
import type { TokenUses } from '../../auth/token-uses.js';
import type { NewEvent } from '../../domain/model/event.js';
import type { OperatorToken } from '../../domain/model/identity.js';
import type { Store } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { mutate, mutateObject } from './mutation.js';
import { pageQuery } from './paging.js';
import { dateOf, metadataView } from './views/common.js';

export interface OperatorServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly operators: Operators;
  readonly uses: TokenUses;
}

const dayMs = 24 * 60 * 60 * 1000;
const defaultValidForMs = 30 * dayMs;
const longestValidForMs = 3_650 * dayMs;

export function operatorService({ store, clock, operators, uses }: OperatorServiceOptions): Service {
  const viewOf = (token: OperatorToken): OperatorTokenMessage => {
    const use = uses.of(token.id);
    return {
      metadata: metadataView(token), roles: rolesOf(token.permissions), permissions: [...grantedTo(token.permissions)], createdBy: token.createdBy ?? '',
      expiresAt: dateOf(token.expiresAt), lastUsedAt: dateOf(use?.at), lastUsedFrom: use?.from ?? '', revokedAt: dateOf(token.revokedAt),
    };
  };
  return implement(OperatorServiceService, {
    async createOperatorToken(request, { identity }) {
      checkName('operator', request.name);
      const granted = permissionsOf(request.roles);
      const expiresAt = clock.now() + checkedTime(durationToMs(request.validFor));
      const createdBy = principalOf(identity);
      const { token, text } = await mutate(store, request.mutation, async (transaction) => {
        const issued = await operators.issue(transaction, { name: request.name, permissions: granted, expiresAt, createdBy });
        await transaction.events.append(tokenEvent(issued.token, 'created', `${createdBy} made a token for ${request.name}: ${rolesOf(granted).join(', ')}`));
        return issued;
      });
      return { operatorToken: viewOf(token), token: request.mutation?.dryRun ? '' : text };
    },
    async listOperatorTokens(request) {
      const page = await store.read.operatorTokens.page(await pageQuery<'operatorTokens'>(request.page, { name: { field: 'name' } }));
      return { operatorTokens: page.items.map(viewOf), page: { nextPageToken: page.nextPageToken } };
    },
    async revokeOperatorToken(request, { identity }) {
      const revoked = await mutateObject(store, request.mutation, 'operatorTokens', request.operatorToken, async (transaction, token) => {
        if (token.revokedAt !== undefined) return token;
        const stored = await operators.revoke(transaction, token, { force: request.force });
        await transaction.events.append(tokenEvent(stored, 'revoked', `${principalOf(identity)} revoked the token of ${token.name}`));
        return stored;
      });
      return { operatorToken: viewOf(revoked) };
    },
  });
}

function checkedTime(validForMs = defaultValidForMs): number {
  if (validForMs > 0 && validForMs <= longestValidForMs) return validForMs;
  throw new WombatError('WO_INVALID_ARGUMENT', 'a token is valid for more than no time and at most 3650 days');
}

function tokenEvent(token: OperatorToken, reason: 'created' | 'revoked', message: string): NewEvent {
  return { type: `operator.token-${reason}`, subjectId: token.id, subjectName: token.name, reason, message, payload: { permissions: [...token.permissions] } };
}
