import { quoted } from '@wombat/proto';
import { AddDomainRequest, AddDomainResponse, FamilyServiceService } from '@wombat/proto/control';
import { defineCommand, object, required } from '../../command.js';
import { newMutation } from '../../control/mutation.js';
import { idOf } from '../../control/names.js';
import { dryRunOption } from '../common.js';
import { pairs, text, wholeNumber } from '../../options.js';

export const familyDomain = defineCommand({
  description: [
    'A domain says which hosts nodes of the family may run on: a provider, an image and a hardware profile.',
    'Domains of the lowest priority number come first; those of one priority share the nodes by weight.',
  ].join('\n'),
  examples: [
    { command: 'wo add-domain "Riak node family" local local small --nodes-per-host 2', explanation: 'two nodes on each local host' },
    { command: 'wo add-domain web "My EC2 Account" ami-0abc m5.large --region eu-west-1 --zone eu-west-1a --max-hosts 10 --priority 1', explanation: 'a public cloud, when what is cheaper is full' },
  ],
  arguments: {
    family: object('family'),
    provider: object('provider'),
    image: required('what hosts boot from: see wo provider images', { completes: 'image' }),
    hardware: required('size of the hosts: see wo provider hardware', { completes: 'hardware' }),
  },
  options: {
    region: text('--region <region>', 'region of the provider'),
    zone: text('--zone <zone>', 'zone of the region'),
    nodesPerHost: wholeNumber('--nodes-per-host <n>', 'nodes of the family on one host; 1 when left out', { minimum: 1, maximum: 20_000 }),
    maxHosts: wholeNumber('--max-hosts <n>', 'at most so many hosts; no limit when left out', { minimum: 1, maximum: 20_000 }),
    priority: wholeNumber('--priority <n>', 'lower comes first; 0 when left out', { maximum: 1_000_000 }),
    weight: wholeNumber('--weight <n>', 'share among domains of one priority; 1 when left out', { minimum: 1, maximum: 1_000_000 }),
    label: pairs('--label <key=value>', 'label of the domain; may be repeated'),
    ...dryRunOption,
  },
  async run(runtime, args, options) {
    const control = await runtime.control();
    const answer = await control.call(FamilyServiceService.addDomain, AddDomainRequest.fromPartial({
      mutation: newMutation(options.dryRun), family: args.family, provider: args.provider, image: args.image, hardwareProfile: args.hardware,
      region: options.region ?? '', zone: options.zone ?? '', labels: { ...options.label },
      nodesPerHost: options.nodesPerHost ?? 0, maxHosts: options.maxHosts ?? 0, priority: options.priority ?? 0, weight: options.weight ?? 0,
    }));
    const json = AddDomainResponse.toJSON(answer);
    if (answer.dryRun) return runtime.print.planned(`${args.family} would get a domain on ${args.provider}`, json);
    await runtime.print.created({
      id: idOf(answer.domain), json,
      line: `domain of ${args.family} on ${args.provider}  ${idOf(answer.domain)}`,
      next: `wo deploy-nodes ${quoted(args.family)} --amount 2`,
    });
  },
});
