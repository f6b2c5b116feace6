import stringWidth from 'string-width';
import { sanitise } from './sanitise.js';

export interface Column<T> {
  readonly title: string;
  readonly text: (item: T) => string;
  /** Only with -o wide. */
  readonly wide?: boolean;
  /** Colour of a cell; gets the text already sanitised and padded. */
  readonly paint?: (padded: string, item: T) => string;
}

/** Aligned columns, two spaces apart, no padding at the end of a line. Cells are remote text: sanitised. */
export function table<T>(columns: readonly Column<T>[], items: readonly T[], paintTitle: (title: string) => string = (title) => title): string {
  const rows = items.map((item) => columns.map((column) => sanitise(column.text(item))));
  const widths = columns.map((column, index) => Math.max(stringWidth(column.title), ...rows.map((row) => stringWidth(row[index]!))));
  const pad = (cell: string, index: number): string =>
    index === columns.length - 1 ? cell : cell + ' '.repeat(widths[index]! - stringWidth(cell));
  const lines = [columns.map((column, index) => paintTitle(pad(column.title, index))).join('  ')];
  rows.forEach((row, rowIndex) => {
    const cells = row.map((cell, index) => {
      const padded = pad(cell, index);
      return columns[index]!.paint?.(padded, items[rowIndex]!) ?? padded;
    });
    lines.push(cells.join('  ').trimEnd());
  });
  return lines.join('\n');
}

/** "key   value" lines; values of several lines are indented, empty ones left out. */
export function fields(entries: readonly (readonly [key: string, value: string])[], paintKey: (key: string) => string = (key) => key): string {
  const kept = entries.filter(([, value]) => value !== '');
  const width = Math.max(0, ...kept.map(([key]) => stringWidth(key)));
  return kept
    .map(([key, value]) => {
      const [first, ...rest] = value.split('\n').map(sanitise);
      const indent = ' '.repeat(width + 2);
      return [`${paintKey(key.padEnd(width))}  ${first}`, ...rest.map((line) => indent + line)].join('\n');
    })
    .join('\n');
}
