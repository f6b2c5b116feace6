import type { Domain } from '../model/family.js';

/** Domains of several families that name the same place and shape have the same hosts, and one brake. */
export function placeOf({ providerId, image, hardwareProfile, region, zone }: Domain): string {
  return JSON.stringify([providerId, image, hardwareProfile, region, zone]);
}

/** "My EC2 Account: m5.large of ami-1 in eu-west-1/a" */
export function placeName({ image, hardwareProfile, region, zone }: Domain, provider: string): string {
  const where = [region, zone].filter(Boolean).join('/');
  return `${provider}: ${hardwareProfile} of ${image}${where && ` in ${where}`}`;
}
