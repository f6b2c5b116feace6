import {
  DescribeAvailabilityZonesCommand, DescribeImagesCommand, DescribeInstanceTypesCommand, DescribeRegionsCommand,
  type Filter, type Image as Ec2Image, type InstanceTypeInfo,
} from '@aws-sdk/client-ec2';
import { attribute, hardwareProfile, image, type HardwareProfile, type Image, type ListPage, type Region, type Zone } from '@wombat/plugin-sdk';
import { archOf } from './arch.js';
import type { Ec2Api } from './ec2-api.js';
import { cutPage, pageQuery, type Page } from './page.js';
import { checkRegion } from './region.js';
import type { Ec2Settings } from './settings.js';

/** What there is to choose from in the region of the provider. */
export class Catalogue {
  readonly #api: Ec2Api;
  readonly #settings: Ec2Settings;

  constructor(api: Ec2Api, settings: Ec2Settings) {
    this.#api = api;
    this.#settings = settings;
  }

  async images(page: ListPage, signal: AbortSignal): Promise<Page<Image>> {
    checkRegion(page.region, this.#settings);
    const { query } = page;
    // Who gives an id knows what they want, whosever it is; EC2 answers those without pages.
    if (/^ami-[0-9a-f]+$/.test(query)) {
      const { Images = [] } = await this.#api.send(new DescribeImagesCommand({ Filters: [{ Name: 'image-id', Values: [query] }] }), signal);
      return { items: Images.map(toImage), nextPageToken: '' };
    }
    const asked = pageQuery(page, { least: 5, most: 1_000 });
    const { Images = [], NextToken } = await this.#api.send(new DescribeImagesCommand({
      Owners: [...this.#settings.imageOwners],
      Filters: [{ Name: 'state', Values: ['available'] }, { Name: 'image-type', Values: ['machine'] }, ...matching('name', query)],
      ...asked,
    }), signal);
    return cutPage(Images.map(toImage), NextToken, page, asked.MaxResults);
  }

  async hardwareProfiles(page: ListPage, signal: AbortSignal): Promise<Page<HardwareProfile>> {
    checkRegion(page.region, this.#settings);
    const asked = pageQuery(page, { least: 5, most: 100 });
    const { InstanceTypes = [], NextToken } = await this.#api.send(new DescribeInstanceTypesCommand({ Filters: matching('instance-type', page.query), ...asked }), signal);
    return cutPage(InstanceTypes.map(toHardwareProfile), NextToken, page, asked.MaxResults);
  }

  /** Hosts are in the provider's own region only, so that is the one to choose. */
  async regions(signal: AbortSignal): Promise<Region[]> {
    const { Regions = [] } = await this.#api.send(new DescribeRegionsCommand({ RegionNames: [this.#settings.region] }), signal);
    return Regions.flatMap(({ RegionName, Endpoint }) => (RegionName ? [{ id: RegionName, name: Endpoint ?? RegionName }] : []));
  }

  async zones(region: string, signal: AbortSignal): Promise<Zone[]> {
    checkRegion(region, this.#settings);
    const { AvailabilityZones = [] } = await this.#api.send(new DescribeAvailabilityZonesCommand({ Filters: [{ Name: 'state', Values: ['available'] }] }), signal);
    return AvailabilityZones.flatMap(({ ZoneName }) => (ZoneName ? [{ id: ZoneName, region: this.#settings.region }] : []));
  }
}

/** A part of the name, or a pattern of it. */
function matching(filter: string, query: string): Filter[] {
  return query === '' ? [] : [{ Name: filter, Values: [/[*?]/.test(query) ? query : `*${query}*`] }];
}

function toImage({ ImageId = '', Name, Architecture, CreationDate, OwnerId, RootDeviceType }: Ec2Image): Image {
  const texts = { 'image.arch': Architecture && archOf(Architecture), 'image.created': CreationDate, 'image.owner': OwnerId, 'image.root-device': RootDeviceType };
  return image(ImageId, Name ?? ImageId, Object.entries(texts).flatMap(([key, text]) => (text ? [attribute(key, text)] : [])));
}

function toHardwareProfile({ InstanceType, VCpuInfo, MemoryInfo, InstanceStorageInfo, ProcessorInfo, GpuInfo, SupportedUsageClasses }: InstanceTypeInfo): HardwareProfile {
  // Types that also run 32 bits name that first.
  const archs = (ProcessorInfo?.SupportedArchitectures ?? []).map(archOf);
  const arch = archs.find((each) => each !== 'ia32') ?? archs[0];
  const gpus = (GpuInfo?.Gpus ?? []).reduce((count, { Count = 0 }) => count + Count, 0);
  return hardwareProfile({
    id: InstanceType ?? '',
    cpuCores: VCpuInfo?.DefaultVCpus ?? 0,
    memoryBytes: (MemoryInfo?.SizeInMiB ?? 0) * 1024 ** 2,
    diskBytes: (InstanceStorageInfo?.TotalSizeInGB ?? 0) * 1e9,
    ...(arch === undefined ? {} : { arch }),
    attributes: [attribute('ec2.spot', (SupportedUsageClasses ?? []).includes('spot')), ...(gpus > 0 ? [attribute('ec2.gpus', gpus)] : [])],
  });
}
