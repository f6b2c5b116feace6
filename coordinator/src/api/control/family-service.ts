import { checkName, WombatError, type Clock, type Ids, quoted } from '@wombat/proto';
import { FamilyServiceService, type AddDomainRequest, type CreateFamilyRequest } from '@wombat/proto/control';
import { NoteLevel, type FirewallRule as RuleMessage } from '@wombat/proto/plugin';
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Domain, Family, FirewallRule, RestartSpec } from '../../domain/model/family.js';
import type { Provider } from '../../domain/model/provider.js';
import { presentPhases } from '../../domain/states/node-states.js';
import { changeEnvironment } from '../../domain/update/change-environment.js';
import type { Driver } from '../../plugins/plugin-shape.js';
import { requireSelector } from '../../plugins/require-selector.js';
import { checkAmount } from '../../engine/deploy-nodes.js';
import { dropRevisions, reviseFamily } from '../../engine/family-revisions.js';
import { findObject } from '../../engine/find-object.js';
import type { OperationTools } from '../../engine/operations/operation-tools.js';
import { startOperation } from '../../engine/operations/start-operation.js';
import { nodesOfScale, scaleName } from '../../engine/scale-family.js';
import type { ProviderDirectory, Secrets, StrategyDirectory } from '../../engine/ports.js';
import type { Fleet } from '../../fleet/fleet.js';
import type { NewObject, Store, Transaction } from '../../store/store.js';
import { implement, type Service } from '../service.js';
import { checkChange, describeChange, outdatedNodes, sealedChange } from './family-environment.js';
import { refuseWhileBusy } from '../../engine/family-lock.js';
import { checkReplacement, describeReplacement } from './family-replacement.js';
import { checkOffer } from './check-offer.js';
import { mutate, mutateObject } from './mutation.js';
import { pageQuery } from './paging.js';
import { familyRevisions } from './family-revisions.js';
import { familyStatus } from './family-status.js';
import { revisedBy, updateFamily } from './family-update.js';
import { changedRestart, positiveMs } from './restart-spec.js';
import { domainView, familyView } from './views/family-view.js';
import { dataPolicy } from './node-data.js';
import { asked } from './started-operation.js';
import { operationView } from './views/operation-view.js';

export interface FamilyServiceOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly secrets: Secrets;
  readonly strategies: StrategyDirectory;
  readonly directory: ProviderDirectory;
  readonly drivers: { driver(name: string): Driver; providers(): readonly Driver[] };
  readonly fleet: Fleet;
  readonly operations: OperationTools;
}

const deployTimeoutMs = 15 * 60_000;
const defaultRestart: RestartSpec = { mode: 'always', tries: 5, intervalMs: 5 * 60_000, delayMs: 1_000 };

export function familyService(options: FamilyServiceOptions): Service {
  const { store } = options;
  const find = (reference: string): Promise<Family> => findObject(store.read, 'families', reference);
  const viewOf = async (family: Family): Promise<ReturnType<typeof familyView>> => {
    const domains = await store.read.domains.find({ familyId: family.id });
    const providers = await store.read.providers.names(domains.map(({ providerId }) => providerId));
    const releases = await store.read.releases.names(family.spec.releaseId === undefined ? [] : [family.spec.releaseId]);
    return familyView(family, domains, new Map([...providers, ...releases]));
  };
  return implement(FamilyServiceService, {
    async createFamily(request, context) {
      const fresh = await newFamily(options, request, context);
      const family = await mutate(store, request.mutation, async (transaction) => {
        const stored = await transaction.families.insert(fresh);
        await transaction.events.append({
          type: 'family.created', subjectId: stored.id, subjectName: stored.name, familyId: stored.id, reason: 'created', message: `family ${stored.name} was created`,
        });
        return stored;
      });
      return { family: familyView(family, []), dryRun: request.mutation?.dryRun ?? false };
    },
    async listFamilies(request) {
      const page = await store.read.families.page(await pageQuery<'families'>(request.page, { name: { field: 'name' } }));
      return { families: await Promise.all(page.items.map(viewOf)), page: { nextPageToken: page.nextPageToken } };
    },
    async getFamily(request) {
      return { family: await viewOf(await find(request.family)) };
    },
    async getFamilyStatus(request) {
      const family = await find(request.family);
      return { family: await viewOf(family), ...(await familyStatus(store, family)) };
    },
    async setFirewall(request, { identity }) {
      const firewall = request.rules.map(checkRule);
      const stored = await mutateObject(store, request.mutation, 'families', request.family, (transaction, family) => reviseFamily(transaction, family, { firewall }, revisedBy(options.operations, identity)));
      return { family: await viewOf(stored), warnings: firewall.length > 0 ? await unenforced(options, stored) : [] };
    },
    async attachRelease(request, { identity }) {
      const stored = await mutateObject(store, request.mutation, 'families', request.family, async (transaction, family) => {
        const release = await findObject(transaction, 'releases', request.release);
        return reviseFamily(transaction, family, { releaseId: release.id }, revisedBy(options.operations, identity));
      });
      return { family: await viewOf(stored) };
    },
    async setEnvironment(request, { identity }) {
      checkChange(request);
      if (describeChange(request) === '') throw new WombatError('WO_INVALID_ARGUMENT', 'there is nothing to set or unset', { hint: 'give --set NAME=VALUE, --secret NAME=file:PATH or --unset NAME' });
      const { stored, outdated } = await mutateObject(store, request.mutation, 'families', request.family, async (transaction, family) => {
        const environment = changeEnvironment(family.spec, sealedChange(family.id, request, options.secrets));
        const stored = await reviseFamily(transaction, family, environment, revisedBy(options.operations, identity));
        await transaction.events.append({
          type: 'family.environment', subjectId: stored.id, subjectName: stored.name, familyId: stored.id, reason: 'changed', message: `environment of ${stored.name}: ${describeChange(request)}`,
        });
        return { stored, outdated: await outdatedNodes(transaction, stored) };
      });
      return { family: await viewOf(stored), outdatedNodes: outdated };
    },
    async setReplacement(request) {
      const replacement = checkReplacement(request.replacement);
      const stored = await mutateObject(store, request.mutation, 'families', request.family, async (transaction, family) => {
        const stored = await transaction.families.update({ ...family, replacement });
        await transaction.events.append({
          type: 'family.replacement', subjectId: stored.id, subjectName: stored.name, familyId: stored.id, reason: 'changed', message: `nodes of ${stored.name} on a lost host ${describeReplacement(replacement)}`,
        });
        return stored;
      });
      return { family: await viewOf(stored) };
    },
    async addDomain(request, context) {
      const asked = await findObject(store.read, 'providers', request.provider);
      await find(request.family);
      if (request.image === '' || request.hardwareProfile === '') throw new WombatError('WO_INVALID_ARGUMENT', 'a domain needs an image and a hardware profile', { hint: `see them: wo provider images ${quoted(asked.name)}; wo provider hardware ${quoted(asked.name)}` });
      const offered = await checkOffer(options.directory, asked, request, context.signal);
      const domain = await mutateObject(store, request.mutation, 'families', request.family, async (transaction, family) => {
        // It may have been removed while it was asked.
        const provider = await findObject(transaction, 'providers', asked.id);
        return transaction.domains.insert({ ...(await newDomain(options, transaction, request, family, provider)), ...offered });
      });
      return { domain: domainView(domain, new Map([[asked.id, asked.name]])), dryRun: request.mutation?.dryRun ?? false };
    },
    async removeDomain(request) {
      await mutateObject(store, request.mutation, 'domains', request.domain, async (transaction, domain) => {
        const nodes = await transaction.nodes.find({ familyId: domain.familyId, phase: presentPhases });
        const node = nodes.find(({ domainId }) => domainId === domain.id);
        if (node) throw new WombatError('WO_IN_USE', `domain ${domain.name} still has node ${node.name}`, { hint: `remove its nodes first: wo node remove ${quoted(node.name)}` });
        await transaction.domains.delete(domain.id);
      });
      return {};
    },
    async deployNodes(request, { identity }) {
      const timeoutMs = positiveMs('timeout', request.timeout) ?? deployTimeoutMs;
      const { amount } = request;
      const operation = await mutateObject(store, request.mutation, 'families', request.family, async (transaction, family) => {
        checkAmount(amount, options.operations.maxNodesPerOperation);
        const releaseId = request.release === '' ? '' : (await findObject(transaction, 'releases', request.release)).id;
        const wish = { kind: 'deploy', familyId: family.id, amount, releaseId, timeoutMs } as const;
        return startOperation(options.operations, transaction, asked(request, identity, wish, `deploy ${amount} of ${family.name}`));
      });
      return { operation: operationView(operation) };
    },
    async scaleFamily(request, { identity, signal }) {
      const timeoutMs = positiveMs('timeout', request.timeout) ?? deployTimeoutMs;
      const { amount, noDrain } = request;
      const goes = await nodesOfScale(store.read, await find(request.family), amount);
      const { keepData, data } = await dataPolicy(options, request, goes, signal);
      const operation = await mutateObject(store, request.mutation, 'families', request.family, (transaction, family) => {
        const wish = { kind: 'scale', familyId: family.id, amount, keepData, noDrain, timeoutMs } as const;
        return startOperation(options.operations, transaction, asked(request, identity, wish, scaleName(family, amount)));
      });
      return { operation: operationView(operation), data };
    },
    async updateFamily(request, { identity }) {
      return { operation: operationView(await updateFamily(options, request, identity)) };
    },
    async listFamilyRevisions(request) {
      return { revisions: await familyRevisions(store.read, await find(request.family)) };
    },
    async removeFamily(request) {
      await mutateObject(store, request.mutation, 'families', request.family, async (transaction, family) => {
        await refuseWhileBusy(transaction, family);
        const [node] = await transaction.nodes.find({ familyId: family.id, phase: presentPhases });
        if (node) throw new WombatError('WO_IN_USE', `family ${family.name} still has node ${node.name}`, { hint: `remove its nodes first: wo node remove ${quoted(family.name)}` });
        for (const domain of await transaction.domains.find({ familyId: family.id })) await transaction.domains.delete(domain.id);
        await dropRevisions(transaction, family.id, 0);
        await transaction.families.delete(family.id);
        await transaction.events.append({
          type: 'family.removed', subjectId: family.id, subjectName: family.name, familyId: family.id, reason: 'removed', message: `family ${family.name} was removed`,
        });
      });
      return {};
    },
  });
}

async function newFamily(options: FamilyServiceOptions, request: CreateFamilyRequest, context: { readonly signal: AbortSignal }): Promise<NewObject<Family>> {
  checkName('family', request.name);
  const { environment, secrets } = request;
  checkChange({ environment, secrets, unset: [] });
  const selector = request.selector || 'random';
  requireSelector(selector);
  const bootstrap = { strategy: request.bootstrap?.strategy || 'none', options: request.bootstrap?.options ?? {} };
  const strategy = options.strategies.strategy(bootstrap.strategy);
  const broken = (await strategy.validate(bootstrap.options, context)).filter((note) => note.level === NoteLevel.ERROR);
  if (broken.length > 0) {
    throw new WombatError('WO_SETTINGS_INVALID', `strategy ${bootstrap.strategy}: ${broken.map((note) => `${note.field}: ${note.message}`).join('; ')}`, {
      hint: `see its options: wo plugin show ${bootstrap.strategy}`,
    });
  }
  const id = options.ids.next('fam');
  return {
    id, name: request.name, generation: 1, observedGeneration: 0,
    spec: {
      selector, bootstrap, firewall: [], ...changeEnvironment({ environment: {}, sealedSecrets: {} }, sealedChange(id, { environment, secrets, unset: [] }, options.secrets)),
      restart: changedRestart(request.restart, defaultRestart),
    },
    // Letters and digits only: a cookie is read by shells and by Erlang alike.
    sealedCookie: options.secrets.seal(id, Buffer.from(randomBytes(24).toString('hex').toUpperCase())),
    cluster: { health: 'not_clustered', parts: [] },
    replacement: checkReplacement(request.replacement),
  };
}

async function newDomain(options: FamilyServiceOptions, transaction: Transaction, request: AddDomainRequest, family: Family, provider: Provider): Promise<NewObject<Domain>> {
  const number = await transaction.nextNumber(`domain:${family.id}`);
  const { image, hardwareProfile, region, zone, labels } = request;
  return {
    id: options.ids.next('dom'), name: `${provider.name}/${number}`.slice(-64), generation: 1, observedGeneration: 1,
    familyId: family.id, providerId: provider.id, image, hardwareProfile, region, zone, labels,
    nodesPerHost: request.nodesPerHost || 1, maxHosts: request.maxHosts, priority: request.priority, weight: request.weight || 1,
  };
}

function checkRule(rule: RuleMessage): FirewallRule {
  const { protocol, fromPort, toPort, source } = rule;
  const valid = (protocol === 'tcp' || protocol === 'udp') && fromPort >= 1 && toPort >= fromPort && toPort <= 65_535 && isSource(source);
  if (!valid) throw new WombatError('WO_INVALID_ARGUMENT', `${protocol}:${fromPort}:${toPort} is no firewall rule`, { hint: 'give protocol:first:last, as in tcp:8096:8099, and a network as in 10.0.0.0/8' });
  return { protocol: protocol as 'tcp' | 'udp', fromPort, toPort, source };
}

/** Empty: everywhere. */
function isSource(source: string): boolean {
  if (source === '') return true;
  const [address = '', bits = '', ...more] = source.split('/');
  const widest = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  return more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= widest;
}

/** Where the rules are kept but nobody enforces them: with the family's providers, or everywhere. */
async function unenforced({ store, drivers }: FamilyServiceOptions, family: Family): Promise<string[]> {
  const domains = await store.read.domains.find({ familyId: family.id });
  const providers = await Promise.all([...new Set(domains.map((domain) => domain.providerId))].map((id) => store.read.providers.get(id)));
  const without = providers.filter((provider) => provider !== undefined).filter(({ driver }) => !drivers.driver(driver).abilities.firewall);
  if (without.length > 0) return without.map(({ name, driver }) => `provider ${name}: its driver ${driver} enforces no firewall rules; they are kept`);
  const anyDoes = drivers.providers().some(({ abilities }) => abilities.firewall);
  return domains.length > 0 || anyDoes ? [] : ['no driver of this coordinator enforces firewall rules; they are kept'];
}
