import t from 'tap';
import { Sqlite } from './driver.js';
import { StatementCache } from './statement-cache.js';

t.test('a statement is prepared once, and anew when the tables have changed', (t) => {
  const connection = new Sqlite(':memory:');
  t.teardown(() => connection.close());
  connection.exec('create table things (id text)');
  const cache = new StatementCache(connection);
  cache.prepare('insert into things values (?)').run('a');
  const select = cache.prepare('select * from things');
  t.equal(cache.prepare('select * from things'), select, 'the same statement for the same text');
  cache.prepare('alter table things add column colour text').run();
  t.not(cache.prepare('select * from things'), select, 'not one that was prepared for other tables');
  t.same(cache.prepare('select * from things').all(), [{ id: 'a', colour: null }], 'all columns are there');
  t.end();
});

t.test('those that were used longest ago are let go', (t) => {
  const connection = new Sqlite(':memory:');
  t.teardown(() => connection.close());
  const cache = new StatementCache(connection);
  const first = cache.prepare('select 0');
  const second = cache.prepare('select 1');
  for (let number = 2; number <= 300; number += 1) {
    cache.prepare(`select ${number}`);
    cache.prepare('select 0');
  }
  t.equal(cache.prepare('select 0'), first, 'what is used stays');
  t.not(cache.prepare('select 1'), second, 'what was not is prepared again');
  t.end();
});
