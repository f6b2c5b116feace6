import type { Operation } from '../../domain/model/operation.js';

/** Nothing is waited for any more. */
export function withoutWish(operation: Operation): Operation {
  const { wish: _wish, turn: _turn, waiting: _waiting, ...rest } = operation;
  return rest;
}
