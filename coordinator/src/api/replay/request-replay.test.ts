import { join } from 'node:path';
import t, { type Test } from 'tap';
import { WombatError } from '@wombat/proto';
import { CreateFamilyRequest, FamilyServiceService, type CreateFamilyResponse } from '@wombat/proto/control';
import { SecretBox } from '../../auth/secret-box.js';
import type { Identity } from '../../auth/identity.js';
import { ManualClock, settle } from '../../fleet/testing/manual-clock.js';
import { openSqliteStore } from '../../store/sqlite/open.js';
import type { Store } from '../../store/store.js';
import { operatorContext } from '../../testing/calls.js';
import { CountingIds } from '../../testing/counting-ids.js';
import { FakeProviders } from '../../testing/fake-providers.js';
import { FakeFleet } from '../../testing/fake-fleet.js';
import { operationTools } from '../../testing/operation-tools.js';
import { FakeStrategies } from '../../testing/fake-strategies.js';
import { familyService } from '../control/family-service.js';
import type { CallContext, Service, UnaryHandler } from '../service.js';
import { RequestReplay } from './request-replay.js';

type CreateFamily = UnaryHandler<CreateFamilyRequest, CreateFamilyResponse>;
const dayMs = 24 * 60 * 60 * 1000;

/** What stands around the real handler: where it waits, and where the coordinator dies. */
interface Around {
  before?: () => Promise<void>;
  after?: () => void;
}

class Setting {
  readonly clock = new ManualClock();
  readonly ids = new CountingIds();
  readonly around: Around = {};
  runs = 0;
  store!: Store;
  #create!: CreateFamily;

  private constructor(private readonly directory: string) {}

  static async of(test: Test): Promise<Setting> {
    const setting = new Setting(test.testdir());
    await setting.start();
    test.teardown(() => setting.store.close());
    return setting;
  }

  /** Another process on the same files. */
  async restart(): Promise<void> {
    await this.store.close();
    await this.start();
  }

  async create(requestId: string, name: string, context: CallContext = operatorContext()): Promise<string> {
    const mutation = { requestId, expectedRevision: 0n, dryRun: false };
    const answer = await this.#create(CreateFamilyRequest.fromPartial({ mutation, name, environment: { SECRET: 'canary-7f3a' } }), context);
    return answer.family!.metadata!.id;
  }

  private async start(): Promise<void> {
    const { clock, ids } = this;
    const store = await openSqliteStore({ file: join(this.directory, 'wombat.db'), clock });
    const secrets = await SecretBox.load(this.directory, store);
    const real = familyService({
      store, clock, ids, secrets, strategies: new FakeStrategies(), directory: new FakeProviders(), fleet: new FakeFleet(), operations: operationTools(clock, ids),
      drivers: { driver: () => { throw new Error('not asked for'); }, providers: () => [] },
    });
    const createFamily: CreateFamily = async (request, context) => {
      this.runs += 1;
      await this.around.before?.();
      const answer = await (real.handlers['createFamily'] as CreateFamily)(request, context);
      this.around.after?.();
      return answer;
    };
    const service = { definition: { createFamily: FamilyServiceService.createFamily }, handlers: { createFamily } } as unknown as Service;
    this.#create = new RequestReplay({ store, clock, secrets }).protect(service).handlers['createFamily'] as CreateFamily;
    this.store = store;
  }
}

const somebodyElse: Identity = { kind: 'operator', id: 'opr-bbbbbbbbbbbb', name: 'bob', permissions: ['write'] };

void t.test('the same request again gets the first answer and changes nothing', async (test) => {
  const setting = await Setting.of(test);
  const first = await setting.create('r-1', 'web');
  const events = await setting.store.read.events.lastSequence();
  test.equal(await setting.create('r-1', 'web'), first, 'the answer of the first');
  await setting.restart();
  test.equal(await setting.create('r-1', 'web'), first, 'after a restart too');
  test.equal(setting.runs, 1, 'the handler ran once');
  test.equal(await setting.store.read.events.lastSequence(), events, 'no event was added');
  await test.rejects(setting.create('r-2', 'web'), { code: 'WO_NAME_TAKEN' }, 'another id is another request');
});

void t.test('an id counts for one request of one caller', async (test) => {
  const setting = await Setting.of(test);
  await setting.create('r-1', 'web');
  await test.rejects(setting.create('r-1', 'mail'), { code: 'WO_REQUEST_ID_REUSED' }, 'another request under the same id');
  test.ok(await setting.create('r-1', 'mail', { ...operatorContext(), identity: somebodyElse }), 'the same id of another caller is his own');
  for (const id of ['x'.repeat(129), 'two words', 'a\n']) await test.rejects(setting.create(id, 'other'), { code: 'WO_INVALID_ARGUMENT' }, JSON.stringify(id));
});

void t.test('ten at once: one effect, ten equal answers', async (test) => {
  const setting = await Setting.of(test);
  const answers = await Promise.all(Array.from({ length: 10 }, () => setting.create('r-1', 'web')));
  test.equal(new Set(answers).size, 1, 'one family');
  test.equal(setting.runs, 1, 'made once');
});

void t.test('who waits for the first does not inherit its failure', async (test) => {
  const setting = await Setting.of(test);
  let fail = (): void => undefined;
  setting.around.before = () => new Promise((_, reject) => (fail = () => reject(new WombatError('WO_CANCELLED', 'the caller is gone'))));
  const first = setting.create('r-1', 'web');
  const stop = new AbortController();
  const impatient = setting.create('r-1', 'web', operatorContext(stop.signal));
  const second = setting.create('r-1', 'web');
  while (setting.runs === 0) await settle(1);
  stop.abort(new WombatError('WO_CANCELLED', 'enough'));
  await test.rejects(impatient, { message: 'enough' }, 'a waiter can leave');
  delete setting.around.before;
  fail();
  await test.rejects(first, { code: 'WO_CANCELLED' }, 'the first failed without a change');
  test.ok(await second, 'the second carried it out');
  test.equal(setting.runs, 2, 'each tried once, the one that left never');
});

void t.test('what failed without a change is tried again', async (test) => {
  const setting = await Setting.of(test);
  const taken = await setting.create('r-1', 'web');
  await test.rejects(setting.create('r-2', 'web'), { code: 'WO_NAME_TAKEN' }, 'refused');
  await setting.store.transaction((transaction) => transaction.families.delete(taken));
  test.ok(await setting.create('r-2', 'web'), 'the same request succeeds once it can');
});

void t.test('a death between the change and the answer makes no second change', async (test) => {
  const setting = await Setting.of(test);
  setting.around.after = () => {
    throw new Error('the coordinator dies here');
  };
  await test.rejects(setting.create('r-1', 'web'), { message: /dies here/ }, 'the caller got no answer');
  const [made] = await setting.store.read.families.find({});
  delete setting.around.after;
  await setting.restart();
  await test.rejects(setting.create('r-1', 'mail'), { code: 'WO_REQUEST_ID_REUSED' }, 'the id is taken all the same');
  test.equal(await setting.create('r-1', 'web'), made!.id, 'a retry is answered with what was made');
  test.equal(await setting.store.read.families.count({}), 1, 'and nothing was made twice');
  test.equal(await setting.create('r-1', 'web'), made!.id, 'from then on the answer is there');
  test.equal(setting.runs, 2, 'and the handler is left alone');
});

void t.test('after a day an id is free again, and its record goes', async (test) => {
  const setting = await Setting.of(test);
  await setting.create('r-1', 'web');
  await setting.clock.advance(dayMs - 1);
  test.ok(await setting.create('r-1', 'web'), 'still the first answer');
  await setting.clock.advance(1);
  await test.rejects(setting.create('r-1', 'web'), { code: 'WO_NAME_TAKEN' }, 'now it is a request like any other');
  test.equal(await setting.store.transaction((transaction) => transaction.requests.dropExpired(setting.clock.now(), 10)), 1, 'one record was over');
});

void t.test('answers are sealed where they are kept', async (test) => {
  const setting = await Setting.of(test);
  const kept: unknown[] = [];
  const put = setting.store.transaction.bind(setting.store);
  setting.store.transaction = (work) => put((transaction) => work({ ...transaction, requests: { get: (key) => transaction.requests.get(key), dropExpired: async () => 0, put: (record) => (kept.push(record), transaction.requests.put(record)) } }));
  await setting.create('r-1', 'web');
  test.equal(kept.length, 2, 'the result with the change, then the answer');
  test.notMatch(JSON.stringify(kept), /canary|web/, 'neither can be read without the key');
  test.match(kept, [{ results: /./ }, { answer: /./ }]);
});
