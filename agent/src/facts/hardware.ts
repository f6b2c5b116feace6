import type { Attribute } from '@wombat/proto/types';

/** What takes processes to find out, so it is asked once a boot. Empty text: not known. */
export interface Hardware {
  readonly manufacturer: string;
  readonly model: string;
  readonly isVirtual: boolean;
  /** "KVM", "Xen", ... */
  readonly hypervisor: string;
  readonly physicalCores: number;
}

/** Asks `systeminformation`: fixed functions, no argument from anywhere. Starts about ten short processes. */
export async function readHardware(): Promise<Hardware> {
  const { default: systeminformation } = await import('systeminformation');
  const [system, cpu] = [await systeminformation.system(), await systeminformation.cpu()];
  return {
    manufacturer: system.manufacturer,
    model: system.model,
    isVirtual: system.virtual,
    hypervisor: system.virtualHost ?? '',
    physicalCores: cpu.physicalCores,
  };
}

/** Hardware as typed attributes; what is not known is left out. */
export function hardwareAttributes(hardware: Hardware): Attribute[] {
  const text = (key: string, value: string): Attribute[] => (value === '' ? [] : [{ key, value: { kind: { $case: 'text', value } } }]);
  return [
    ...text('host.manufacturer', hardware.manufacturer),
    ...text('host.model', hardware.model),
    ...text('host.hypervisor', hardware.hypervisor),
    { key: 'host.virtual', value: { kind: { $case: 'flag', value: hardware.isVirtual } } },
    { key: 'host.physical-cores', value: { kind: { $case: 'integer', value: BigInt(hardware.physicalCores) } } },
  ];
}

/** Another process's words, checked; undefined when they are not of this shape. */
export function parseHardware(text: string): Hardware | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const texts = [value.manufacturer, value.model, value.hypervisor];
    if (!texts.every((item) => typeof item === 'string' && item.length <= 256)) return undefined;
    if (typeof value.isVirtual !== 'boolean' || !Number.isSafeInteger(value.physicalCores)) return undefined;
    return value as unknown as Hardware;
  } catch {
    return undefined;
  }
}
