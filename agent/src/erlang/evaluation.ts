/**
 * Evaluation goes through an expression of ours, since `erl_call -e` takes one form only and prints
 * terms in a dialect of its own. The caller's text travels as base64, so nothing in it can end our
 * expression; the value comes back as the text of `~0tp`, base64 too, in pieces below the 64 KiB at
 * which a string of the external term format ends. A value that is text comes back as that text.
 */
export function evaluationOf(expressions: string, isText = false): string {
  const format = isText ? '~ts' : '~0tp';
  return `${wrapper.replace('FORMAT', format).replace('TEXT', Buffer.from(`${expressions}\n`).toString('base64'))}\n`;
}

const wrapper = `begin
Render = fun(Tag, Format, Arguments) ->
  Cut = fun Next([]) -> [];
            Next(Text) when length(Text) > 60000 -> {Head, Tail} = lists:split(60000, Text), [Head | Next(Tail)];
            Next(Text) -> [Text] end,
  {Tag, Cut(base64:encode_to_string(unicode:characters_to_binary(io_lib:format(Format, Arguments))))} end,
Syntax = fun(Line, Module, Description) -> throw({wombat_syntax, Line, Module:format_error(Description)}) end,
Form = fun(Tokens, Bindings) -> case erl_parse:parse_exprs(Tokens) of
  {ok, Parsed} -> {value, Value, Bound} = erl_eval:exprs(Parsed, Bindings), {Value, Bound};
  {error, {Line, Module, Description}} -> Syntax(Line, Module, Description) end end,
Evaluate = fun Next(Text, Line, Bindings, Last) -> case erl_scan:tokens([], Text, Line) of
  {done, {ok, Tokens, End}, Rest} -> {Value, Bound} = Form(Tokens, Bindings), Next(Rest, End, Bound, Value);
  {done, {eof, _}, _} -> Last;
  {done, {error, {At, Module, Description}, _}, _} -> Syntax(At, Module, Description);
  {more, _} -> case string:trim(Text) of
    [] -> Last;
    Unended -> case erl_scan:string(Unended, Line) of
      {ok, [], _} -> Last;
      {ok, Tokens, _} -> {Value, _} = Form(Tokens ++ [{dot, Line}], Bindings), Value;
      {error, {At, Module, Description}, _} -> Syntax(At, Module, Description) end end end end,
try Evaluate(unicode:characters_to_list(base64:decode("TEXT")), 1, [], ok) of
  Value -> Render(wombat_value, "FORMAT", [Value])
catch
  throw:{wombat_syntax, Line, Why} -> Render(wombat_failure, "line ~p: ~ts", [Line, Why]);
  Class:Reason -> Render(wombat_failure, "~tp: ~0tp", [Class, Reason])
end
end.`;

export type Evaluation = { readonly kind: 'value' | 'failure'; readonly text: string };

/** Reads what erl_call printed; undefined when it is not the answer of our expression. */
export function parseEvaluation(output: string): Evaluation | undefined {
  const match = /^\{ok, \{wombat_(value|failure), \[([^\]]*)\]\}\}\s*$/.exec(output);
  if (!match) return undefined;
  const pieces = [...match[2]!.matchAll(/"([A-Za-z0-9+/=]*)"/g)].map(([, piece]) => piece);
  return { kind: match[1] as 'value' | 'failure', text: Buffer.from(pieces.join(''), 'base64').toString('utf8') };
}

/** `apply(Module, Function, Arguments)` as an expression; the names are taken as atoms, whatever is in them. */
export function applyExpression(module: string, functionName: string, argumentList: string): string {
  return `apply(${quotedAtom(module)}, ${quotedAtom(functionName)}, ${argumentList.trim() === '' ? '[]' : argumentList}).`;
}

function quotedAtom(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => `\\${character}`).replace(/\n/g, '\\n')}'`;
}
