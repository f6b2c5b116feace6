import { z } from '@wombat/plugin-sdk';

const word = z.string().regex(/^[\w.:/@+=,-]{1,256}$/, 'holds a character that no name of EC2 has');

/** Those whose images people boot servers from: the account itself, Amazon, Debian, Canonical. */
const usualImageOwners = ['self', 'amazon', '136693071363', '099720109477'];

const tags = z.record(
  z.string().min(1).max(128).regex(/^(?!aws:|wombat-)/i, 'a tag may not begin with aws: or wombat-'),
  z.string().max(256),
);

/** What a provider of this driver is registered with. */
export const ec2Settings = z.object({
  accessKeyId: word.describe('id of the access key'),
  secretAccessKey: z.secret().min(1).describe('the secret of the access key'),
  sessionToken: z.secret().min(1).optional().describe('of temporary credentials'),
  region: z.string().regex(/^[a-z0-9-]{1,40}$/, 'a region is a-z, 0-9 and dashes').default('us-east-1').describe('where the hosts are, e.g. eu-west-1'),
  endpoint: z.url({ protocol: /^https?$/ }).optional().describe('of a cloud that speaks EC2\'s API, e.g. https://ec2.example.org'),
  vpc: word.optional().describe('the VPC of the hosts; default: the default VPC of the region'),
  subnets: z.array(word).max(32).default([]).describe('subnets that hosts may be in, all of one VPC; default: those of the VPC'),
  securityGroups: z.array(word).max(4).default([]).describe('ids of security groups that every host has beside the one of its firewall'),
  membersReachEachOther: z.boolean().default(true).describe('hosts of one firewall group reach each other on every port'),
  keyPair: word.optional().describe('name of the key pair whose owner may log in'),
  instanceProfile: word.optional().describe('name or ARN of the instance profile of the hosts'),
  spot: z.boolean().default(false).describe('all hosts are spot instances'),
  rootVolumeGb: z.int().min(1).max(16_384).optional().describe('size of the root volume; default: as the image says'),
  imageOwners: z.array(word).min(1).max(32).default(usualImageOwners).describe('whose images are listed: account ids, self, amazon'),
  tags: tags.refine((all) => Object.keys(all).length <= 40, 'at most 40 tags').default({}).describe('JSON object of tags for everything that is made'),
});

export type Ec2Settings = z.output<typeof ec2Settings>;
