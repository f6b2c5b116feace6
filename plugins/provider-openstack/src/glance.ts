import { z } from '@wombat/plugin-sdk';
import type { Page } from './pages.js';
import { Service, type Cloud } from './service.js';
import { uuid } from './uuid.js';

const text = z.string().max(4_096);
const imageSchema = z.object({
  id: uuid, name: text.nullish(), architecture: text.nullish(), hw_architecture: text.nullish(), os_distro: text.nullish(), os_version: text.nullish(),
});
const imagesPage = z.object({ images: z.array(imageSchema).max(1_000), next: text.optional() });

export type GlanceImage = z.output<typeof imageSchema>;

export interface ImageFilter {
  /** @default all */
  readonly name?: string;
  readonly limit: number;
  readonly marker?: string | undefined;
}

/** Images that servers can be made from. */
export class Glance {
  readonly #service: Service;

  constructor(cloud: Cloud) {
    this.#service = new Service(cloud, { name: 'glance', type: 'image', version: 'v2' });
  }

  async imagesPage({ name, limit, marker }: ImageFilter, signal: AbortSignal): Promise<Page<GlanceImage>> {
    const query = { status: 'active', sort: 'name:asc,id:asc', limit, marker, name };
    const page = await this.#service.get(imagesPage, { path: '/images', query, signal });
    return { items: page.images, hasMore: page.next !== undefined };
  }
}
