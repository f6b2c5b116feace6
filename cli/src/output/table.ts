import stringWidth from 'string-width';
import { cut } from './cut.js';
import { sanitise } from './sanitise.js';
import { wrap } from './wrap.js';

export interface Column<T> {
  readonly title: string;
  readonly text: (item: T) => string;
  /** Only with -o wide. */
  readonly wide?: boolean;
  /** Left out where the terminal is too narrow, 1 first; -o wide keeps it. */
  readonly optional?: number;
  /** A name: cut where the terminal is too narrow even so. Ids never are: what is cut cannot be typed again. */
  readonly cut?: boolean;
  /** Colour of a cell; gets the text already sanitised and padded. */
  readonly paint?: (padded: string, item: T) => string;
}

export interface TableOptions {
  readonly paintTitle?: (title: string) => string;
  /** Of the terminal. @default no limit */
  readonly width?: number;
}

/** The last column is wrapped when it has at least so much room. */
const leastWrapped = 16;
/** A name is never cut to less. */
const leastName = 12;

/**
 * Aligned columns, two spaces apart, no padding at the end of a line. Cells are remote text: sanitised.
 * Where that is wider than `width`, optional columns are left out, then names are cut and the last column is
 * wrapped, then columns between the first and the last are left out from the right, but never the id.
 */
export function table<T>(all: readonly Column<T>[], items: readonly T[], { paintTitle = (title): string => title, width = Infinity }: TableOptions = {}): string {
  const columns = fitting(all.map((column) => measured(column, items)), width);
  const [last, before] = [columns.at(-1)!, columns.slice(0, -1)];
  const room = width - before.reduce((sum, column) => sum + column.width + 2, 0);
  const line = (cells: readonly string[]): string => cells.join('  ').trimEnd();
  const lines = [line([...before.map((column) => paintTitle(pad(column.title, column.width))), paintTitle(last.title)])];
  items.forEach((item, index) => {
    const ends = room >= leastWrapped ? wrap(last.cells[index]!, room, stringWidth) : [last.cells[index]!];
    ends.forEach((end, row) => {
      const starts = before.map((column) => (row === 0 ? painted(column, pad(column.cells[index]!, column.width), item) : ' '.repeat(column.width)));
      lines.push(line([...starts, painted(last, end, item)]));
    });
  });
  return lines.join('\n');
}

interface Measured<T> extends Column<T> {
  readonly cells: readonly string[];
  readonly width: number;
}

function measured<T>(column: Column<T>, items: readonly T[]): Measured<T> {
  const cells = items.map((item) => sanitise(column.text(item)));
  return { ...column, cells, width: cells.reduce((widest, cell) => Math.max(widest, stringWidth(cell)), stringWidth(column.title)) };
}

/** What fits, with the last column counted as if it were wrapped. */
function fitting<T>(columns: readonly Measured<T>[], width: number): readonly Measured<T>[] {
  if (excess(columns, width) <= 0) return columns;
  const [optional] = columns.filter((column) => column.optional !== undefined).sort((left, right) => left.optional! - right.optional!);
  if (optional) return fitting(columns.filter((column) => column !== optional), width);
  const narrow = withShortNames(columns, width);
  if (excess(narrow, width) <= 0) return narrow;
  const out = columns.slice(1, -1).findLast((column) => column.title !== 'ID');
  return out ? fitting(columns.filter((column) => column !== out), width) : narrow;
}

/** By how much the columns are too wide. */
function excess<T>(columns: readonly Measured<T>[], width: number): number {
  const last = Math.min(columns.at(-1)?.width ?? 0, leastWrapped * 2);
  return columns.slice(0, -1).reduce((sum, column) => sum + column.width + 2, last) - width;
}

/** The widest names first, so that what is short stays whole. */
function withShortNames<T>(columns: readonly Measured<T>[], width: number): readonly Measured<T>[] {
  const cuttable = columns.filter((column) => column.cut && column.width > leastName);
  const [widest] = cuttable.sort((left, right) => right.width - left.width);
  const tooWide = excess(columns, width);
  if (!widest || tooWide <= 0) return columns;
  const next = cuttable[1]?.width ?? leastName;
  const room = Math.max(leastName, widest.width - tooWide, Math.min(next, widest.width - 1));
  const narrower = { ...widest, width: room, cells: widest.cells.map((cell) => cut(cell, room)) };
  return withShortNames(columns.map((column) => (column === widest ? narrower : column)), width);
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(width - stringWidth(cell));
}

function painted<T>(column: Column<T>, cell: string, item: T): string {
  return column.paint?.(cell, item) ?? cell;
}

/** "key   value" lines; values of several lines, and those wider than the terminal, are indented, empty ones left out. */
export function fields(entries: readonly (readonly [key: string, value: string])[], { paintTitle: paintKey = (key): string => key, width: most = Infinity }: TableOptions = {}): string {
  const kept = entries.filter(([, value]) => value !== '');
  const width = Math.max(0, ...kept.map(([key]) => stringWidth(key)));
  const room = most - width - 2;
  return kept
    .map(([key, value]) => {
      const lines = value.split('\n').map(sanitise);
      const [first, ...rest] = room >= leastWrapped ? lines.flatMap((line) => wrap(line, room, stringWidth)) : lines;
      const indent = ' '.repeat(width + 2);
      return [`${paintKey(key.padEnd(width))}  ${first}`, ...rest.map((line) => indent + line)].join('\n');
    })
    .join('\n');
}
