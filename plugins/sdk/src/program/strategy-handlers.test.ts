import type { handleUnaryCall, ServerUnaryCall } from '@grpc/grpc-js';
import { fromServiceError } from '@wombat/proto';
import { JoinOrder, Member } from '@wombat/proto/plugin';
import t from 'tap';
import { z } from 'zod';
import { command, step } from '../build.js';
import { defineBootstrapStrategy } from '../define-bootstrap-strategy.js';
import { serveStrategy } from './strategy-handlers.js';

const strategy = defineBootstrapStrategy({
  name: 'ring', version: '1', apiVersions: ['bootstrap-strategy.v1'], summary: 's', joinOrder: JoinOrder.SERIAL,
  options: z.object({ ring: z.string().default('main') }),
  planInputs: ({ options }) => ({ ring: options.ring }),
  planJoin: ({ options, contacts }) => [step('join', command(['join', options.ring, ...contacts.map(({ name }) => name)]), { deadlineMs: 1_000 })],
  readMembers: ({ output }) => Buffer.from(output).toString().split(' '),
  planLeave: ({ survivors }) => ({ runOnNodeId: survivors[0]?.nodeId ?? '', steps: [] }),
});

const handlers = serveStrategy(strategy);
const self = Member.fromPartial({ nodeId: 'node-a', name: 'a-1' });
const other = Member.fromPartial({ nodeId: 'node-b', name: 'a-2' });

async function ask<Q, S>(handler: handleUnaryCall<Q, S>, request: Q): Promise<S> {
  const call = { request, on: () => undefined } as unknown as ServerUnaryCall<Q, S>;
  return await new Promise((resolve, reject) => handler(call, (error, answer) => (error ? reject(fromServiceError(error)) : resolve(answer!))));
}

t.test('what a strategy answers goes over the wire as it is', async (t) => {
  t.same(await ask(handlers.describeStrategy, {}), { description: strategy.description, joinOrder: JoinOrder.SERIAL, withoutInputs: false });
  t.same((await ask(handlers.validateOptions, { options: '{"rnig":"x"}' })).notes.map(({ field }) => field), ['rnig']);
  t.same(await ask(handlers.planInputs, { options: '', self, contacts: [] }), { inputs: { ring: 'main' } });
  const { steps } = await ask(handlers.planJoin, { options: '{"ring":"two"}', familyName: 'f', self, contacts: [other] });
  t.match(steps, [{ name: 'join', action: { kind: { value: { argv: ['join', 'two', 'a-2'] } } } }]);
  t.same(await ask(handlers.planCheck, { options: '', self }), { steps: [] });
  t.same(await ask(handlers.readMembers, { options: '', self, output: Buffer.from('x y') }), { members: ['x', 'y'] });
  t.same(await ask(handlers.planLeave, { options: '', leaving: self, survivors: [other] }), { runOnNodeId: 'node-b', steps: [] });
});

t.test('what makes no sense is refused', async (t) => {
  await t.rejects(ask(handlers.planCheck, { options: '', self: undefined }), { code: 'WO_INVALID_ARGUMENT', message: 'the node is missing' });
  await t.rejects(ask(handlers.planCheck, { options: '{', self }), { code: 'WO_INVALID_ARGUMENT', message: 'options are no JSON object of texts' });
  await t.rejects(ask(handlers.planCheck, { options: '[]', self }), { code: 'WO_INVALID_ARGUMENT' });
  await t.rejects(ask(handlers.planCheck, { options: '{"ring":5}', self }), { code: 'WO_INVALID_ARGUMENT' });
});
