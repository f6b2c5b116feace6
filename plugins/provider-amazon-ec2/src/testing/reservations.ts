/** Instances that an answer of EC2 tells of. */
export function instanceIdsIn(xml: string): string[] {
  return [...xml.matchAll(/<instanceId>(i-[0-9a-f]+)<\/instanceId>/g)].map(([, id]) => id!);
}

/** An answer of DescribeInstances without the reservations of these: each instance of Wombat has one of its own. */
export function withoutInstances(xml: string, hidden: ReadonlySet<string>): string {
  if (hidden.size === 0) return xml;
  return outerItems(xml, xml.indexOf('<reservationSet>'))
    .filter((item) => instanceIdsIn(item).some((id) => hidden.has(id)))
    .reduce((left, item) => left.replace(item, ''), xml);
}

/** The outermost `<item>` elements from here on; they hold items themselves. */
function outerItems(xml: string, from: number): string[] {
  const items: string[] = [];
  let depth = 0;
  let start = from;
  for (const { 0: tag, index } of xml.matchAll(/<\/?item>/g)) {
    if (index < from) continue;
    if (tag === '<item>' && depth++ === 0) start = index;
    if (tag === '</item>' && --depth === 0) items.push(xml.slice(start, index + tag.length));
  }
  return items;
}
