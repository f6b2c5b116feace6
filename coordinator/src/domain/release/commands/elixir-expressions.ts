/**
 * Erlang that evaluates Elixir, and has as its value the text of what that wrote and what it came to. The code travels as
 * base64, so nothing in it can end our expression.
 */
export function elixirExpressions(code: string): string {
  return wrapper.replace('CODE', Buffer.from(code).toString('base64'));
}

const wrapper = `{ok, Io} = 'Elixir.StringIO':open(<<>>),
Before = group_leader(),
group_leader(Io, self()),
try
  {Value, _} = 'Elixir.Code':eval_string(base64:decode("CODE")),
  {_, Written} = 'Elixir.StringIO':contents(Io),
  [Written, 'Elixir.Kernel':inspect(Value)]
after
  group_leader(Before, self())
end.`;
