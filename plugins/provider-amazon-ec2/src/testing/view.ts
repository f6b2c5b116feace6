import {
  CreateSubnetCommand, CreateVpcCommand, DescribeImagesCommand, DescribeInstanceAttributeCommand, DescribeInstancesCommand, DescribeSecurityGroupsCommand, DescribeVolumesCommand, EC2Client,
  type Instance, type SecurityGroup, type Tag,
} from '@aws-sdk/client-ec2';
import '../sdk-warnings.js';

/** What an EC2 server has, as somebody else sees it. */
export class Ec2View {
  readonly client: EC2Client;

  constructor(endpoint: string, region: string) {
    this.client = new EC2Client({ endpoint, region, credentials: { accessKeyId: 'somebody', secretAccessKey: 'else' } });
  }

  /** Those that live and carry the tag of the cluster; without one, all that live. */
  async instances(clusterId?: string): Promise<Instance[]> {
    const Filters = [
      { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'stopped'] },
      ...(clusterId === undefined ? [] : [{ Name: 'tag:wombat-cluster', Values: [clusterId] }]),
    ];
    const { Reservations = [] } = await this.client.send(new DescribeInstancesCommand({ Filters, MaxResults: 1_000 }));
    return Reservations.flatMap(({ Instances = [] }) => Instances);
  }

  async userData(instanceId: string): Promise<string> {
    const { UserData } = await this.client.send(new DescribeInstanceAttributeCommand({ InstanceId: instanceId, Attribute: 'userData' }));
    return Buffer.from(UserData?.Value ?? '', 'base64').toString();
  }

  async volumesOf(instanceId: string) {
    const { Volumes = [] } = await this.client.send(new DescribeVolumesCommand({ Filters: [{ Name: 'attachment.instance-id', Values: [instanceId] }] }));
    return Volumes;
  }

  async securityGroups(clusterId: string): Promise<SecurityGroup[]> {
    const { SecurityGroups = [] } = await this.client.send(new DescribeSecurityGroupsCommand({ Filters: [{ Name: 'tag:wombat-cluster', Values: [clusterId] }] }));
    return SecurityGroups;
  }

  /** A subnet of a VPC of its own; answers its id. */
  async makeSubnet(vpcCidr: string, cidr: string): Promise<string> {
    const { Vpc } = await this.client.send(new CreateVpcCommand({ CidrBlock: vpcCidr }));
    const { Subnet } = await this.client.send(new CreateSubnetCommand({ VpcId: Vpc!.VpcId, CidrBlock: cidr }));
    return Subnet!.SubnetId!;
  }

  /** Some image that there is. */
  async imageId(): Promise<string> {
    const { Images = [] } = await this.client.send(new DescribeImagesCommand({ Filters: [{ Name: 'name', Values: ['*xenial*'] }] }));
    const [image] = Images.filter(({ Architecture, RootDeviceName }) => Architecture === 'x86_64' && RootDeviceName !== undefined);
    if (!image?.ImageId) throw new Error('the EC2 server has no image');
    return image.ImageId;
  }
}

/** Wombat's own. */
export function wombatTags(tags: readonly Tag[] = []): Record<string, string> {
  return Object.fromEntries(tags.filter(({ Key = '' }) => Key.startsWith('wombat-')).map(({ Key = '', Value = '' }) => [Key, Value]));
}
