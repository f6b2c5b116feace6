import t from 'tap';
import { checkTemplate, renderTemplate } from './template.js';
import { templateNames, withoutSecrets } from './template-names.js';

const names = templateNames([{ name: 'http', protocol: 'tcp', number: 0 }], { strategy: ['seed'], environment: ['LANG'] });
const view = {
  node: { name: `O'Neil "n" <&>`, ordinal: 3, port: { http: 8080 }, dataDir: '{{path:data}}' },
  contacts: [{ name: 'a', comma: ',', port: { http: 1 } }, { name: 'b', comma: '', port: { http: 2 } }],
  hasContacts: true,
  contactsErlang: `['a@x','b@x']`,
  strategy: { seed: 'a' },
  environment: { LANG: 'C' },
};
const render = (text: string): string => renderTemplate('etc/x.conf', text, names, view);

t.test('values come as they are, nothing is escaped', (t) => {
  t.equal(render('{{node.name}} {{&node.name}} {{node.ordinal}} {{node.port.http}}'), `O'Neil "n" <&> O'Neil "n" <&> 3 8080`);
  t.equal(render('{{strategy.seed}} {{environment.LANG}} {{contactsErlang}}'), `a C ['a@x','b@x']`);
  t.equal(render('no names at all: {x} $ {{! a comment }}'), 'no names at all: {x} $ ');
  t.end();
});

t.test('contacts are a section', (t) => {
  t.equal(render('[{{#contacts}}{{name}}:{{port.http}}@{{node.ordinal}}{{comma}}{{/contacts}}]'), '[a:1@3,b:2@3]');
  t.equal(render('{{#hasContacts}}yes{{/hasContacts}}{{^hasContacts}}no{{/hasContacts}}'), 'yes');
  t.end();
});

t.test('filters quote for Erlang and for a shell', (t) => {
  t.equal(render('{{#erlangString}}{{node.name}}\\{{/erlangString}}'), `"O'Neil \\"n\\" <&>\\\\"`);
  t.equal(render('{{#erlangAtom}}{{node.name}}{{/erlangAtom}}'), `'O\\'Neil "n" <&>'`);
  t.equal(render('{{#erlangBinary}}{{node.name}}\n{{/erlangBinary}}'), `<<"O'Neil \\"n\\" <&>\\n"/utf8>>`);
  t.equal(render('{{#shellWord}}{{node.name}}{{/shellWord}}'), `'O'\\''Neil "n" <&>'`);
  t.end();
});

t.test('what only the host knows stays a mark', (t) => {
  t.equal(render('{{node.dataDir}}/x {{secret:DB_PASSWORD}} {{#contacts}}{{secret:K}}{{/contacts}}'), '{{path:data}}/x {{secret:DB_PASSWORD}} {{secret:K}}{{secret:K}}');
  t.end();
});

t.test('what is not known is an error with its line and the nearest name', (t) => {
  const refused: [string, RegExp][] = [
    ['ok\n\n{{node.nmae}}', /etc\/x\.conf, line 3: \{\{node\.nmae\}\} is not known; the nearest is node\.name/],
    ['{{node.port.htp}}', /the nearest is node\.port\.http/],
    ['{{name}}', /line 1: \{\{name\}\} is not known/],
    ['{{constructor}}', /not known/],
    ['{{node.constructor.name}}', /not known/],
    ['{{__proto__}}', /not known/],
    ['{{.}}', /not known/],
    ['{{strategy.other}}', /strategy\.seed/],
    ['{{#contacts}}{{namme}}{{/contacts}}', /not known/],
    ['{{^contacts}}{{comma}}{{/contacts}}', /not known/],
    ['{{#erlangStrng}}x{{/erlangStrng}}', /\{\{#erlangStrng\}\} is not known; the nearest is erlangString/],
    ['{{erlangString}}', /not known/],
    ['{{> other}}', /not supported/],
    ['{{=<% %>=}}', /not supported/],
    ['{{#contacts}}', /Unclosed/],
    ['{{node.name', /Unclosed/],
    ['{{secret:}}', /not known/],
    [`${'{{#erlangString}}'.repeat(40)}"${'{{/erlangString}}'.repeat(40)}`, /\{\{#erlangString\}\} stands in more than 4 others/],
    ['{{#contacts}}{{#contacts}}x{{/contacts}}{{/contacts}}', /\{\{#contacts\}\} stands in itself/],
  ];
  for (const [text, message] of refused) {
    t.throws(() => render(text), { code: 'WO_TEMPLATE_INVALID', message }, text);
    t.throws(() => checkTemplate('etc/x.conf', text, names), { code: 'WO_TEMPLATE_INVALID', message }, text);
  }
  t.end();
});

t.test('at upload the names of strategy and environment are open, those of ports are not', (t) => {
  const open = templateNames([{ name: 'http', protocol: 'tcp', number: 0 }]);
  checkTemplate('x', '{{strategy.any}} {{environment.ANY}} {{node.port.http}}', open);
  t.throws(() => checkTemplate('x', '{{node.port.https}}', open), { message: /node\.port\.http/ });
  t.throws(() => checkTemplate('x', '{{strategy.a.b}}', open), { code: 'WO_TEMPLATE_INVALID' });
  t.end();
});

t.test('secrets: any while the family is not known, then those it has; no sections; filters are left to the host', (t) => {
  const closed = templateNames([], { strategy: [], environment: [], secrets: ['DB_PASSWORD'] });
  checkTemplate('x', '{{secret:DB_PASSWORD}} {{&secret:DB_PASSWORD}}', closed);
  t.throws(() => checkTemplate('x', '\n{{secret:DB_PASSWROD}}', closed), { code: 'WO_TEMPLATE_INVALID', message: /x, line 2: the family has no secret DB_PASSWROD; the nearest is DB_PASSWORD/ });
  t.throws(() => checkTemplate('x', '{{#secret:DB_PASSWORD}}y{{/secret:DB_PASSWORD}}', closed), { message: /no section/ });
  t.throws(() => checkTemplate('x', '{{secret:DB_PASSWORD}}', withoutSecrets(closed)), { message: /command/ });
  t.equal(render('{{#erlangString}}a"{{secret:DB}}{{/erlangString}}'), '"a\\"{{secret:DB:erlangString}}"');
  t.end();
});
