"""The shapes GCC 12.2 gets wrong are found, and the ways we write instead are not."""
import pytest

from check_co_await import findings

WRONG = {
    "condition": "Task<> f() { if (co_await yes()) go(); }",
    "condition_initialiser": "Task<> f() { if (const bool ok = co_await yes(); ok) go(); }",
    "else_if": "Task<> f() { if (a) { } else if (co_await yes()) { } }",
    "while_head": "Task<> f() { while (co_await yes()) { go(); } }",
    "do_while": "Task<> f() { do { go(); } while (co_await yes()); }",
    "switch_head": "Task<> f() { switch (co_await one()) { default: break; } }",
    "for_head": "Task<> f() { for (int i = 0; i < co_await one(); ++i) go(); }",
    "two_added": "Task<> f() { auto s = co_await a() + co_await b(); }",
    "ternary": "Task<> f() { auto s = ok ? co_await a() : b(); }",
    "operand": "Task<> f() { const bool x = ready && co_await yes(); }",
    "designated_argument": "Task<> f() { co_await send({.name = n}); }",
    "aggregate_argument": "Task<> f() { co_await send(Query{n}); }",
    "aggregate_of_awaits": "Task<> f() { Pair p{co_await a(), 1}; }",
    "closure_argument": "Task<> f() { co_await run([x] { go(x); }); }",
    "list_argument": 'Task<> f() { co_await f({"a", "b"}); }',
    "pushed_aggregate": "Task<> f() { v.push_back({co_await a()}); }",
    "over_lines": "Task<> f() {\n  if (ready &&\n      co_await yes()) {\n  }\n}",
}

RIGHT = {
    "alone": "Task<> f() { co_await go(); }",
    "named": "Task<> f() { const bool ok = co_await yes(); if (ok) go(); }",
    "returned": "Task<int> f() { co_return co_await one(); }",
    "after_a_head": "Task<> f() { if (ready) co_await go(); }",
    "after_else": "Task<> f() { if (ready) a(); else co_await go(); }",
    "after_while": "Task<> f() { while (!answer) co_await timer.async_wait(no_throw); }",
    "after_for": "Task<> f() { for (int i = 0; i < 3; ++i) co_await go(); }",
    "after_case": "Task<> f() { switch (x) { case Kind::one: co_await go(); break; } }",
    "structured_binding": "Task<> f() { auto [error, size] = co_await socket.async_read_some(buffer, no_throw); }",
    "joined": "Task<> f() { co_await (pump(a, b) && pump(b, a)); }",
    "race": "Task<> f() { auto first = co_await (std::move(work) || timer.async_wait(no_throw)); }",
    "executor": "Task<> f() { Timer timer(co_await asio::this_coro::executor, limit); }",
    "comment": "// if (co_await yes()) go();\nvoid f();",
    "text": 'auto t = "if (co_await yes())";',
    "digit_separator": "Task<> f() { const int n = 1'000; co_await go(n); const int m = 2'000; }",
}


@pytest.mark.parametrize("name", WRONG)
def test_finds(name):
    assert list(findings(WRONG[name]))


@pytest.mark.parametrize("name", RIGHT)
def test_lets_pass(name):
    assert list(findings(RIGHT[name])) == []


def test_names_the_line():
    assert [line for line, _ in findings(WRONG["over_lines"])] == [3]
