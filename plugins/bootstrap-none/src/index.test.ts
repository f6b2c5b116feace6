import type { Member } from '@wombat/plugin-sdk';
import t from 'tap';
import { plugin } from './index.js';

const self: Member = { nodeId: 'node-a', name: 'web-1', address: '127.7.7.1', erlangName: '', ports: {} };
const other: Member = { ...self, nodeId: 'node-b', name: 'web-2' };

t.test('no steps at all: a node is a member when it is ready', async (t) => {
  t.equal(plugin.description.name, 'none');
  t.strictSame(await plugin.planJoin({ options: {}, familyName: 'Web', self, contacts: [other] }), []);
  t.strictSame(await plugin.planCheck({ options: {}, self }), []);
  t.strictSame(await plugin.planLeave({ options: {}, leaving: self, survivors: [other] }), { runOnNodeId: '', steps: [] });
});

t.test('it takes no options', async (t) => {
  t.strictSame(await plugin.validate({}), []);
  t.strictSame((await plugin.validate({ cmd: 'bin/join' })).map(({ field, message }) => [field, message]), [['cmd', 'there is no such setting']]);
});
