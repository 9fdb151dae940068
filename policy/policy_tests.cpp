// The tests a policy carries, run by `sallyport policy test`.
#include "policy/policy_impl.hpp"

namespace sallyport {

std::vector<Policy::TestResult> Policy::run_tests(WallClock::time_point now) const {
  std::vector<TestResult> results;
  for (const PolicyTest& test : impl_->tests) {
    const bool has_request = test.target->spoken == Spoken::http || test.target->spoken == Spoken::tls;
    Query query{test.agent, test.target->to, test.target->spoken, std::nullopt, false, now};
    // The request of an https URL is taken as seen: the test asks about the policy, not about who may look.
    if (has_request) query.request = SeenRequest{test.method, test.target->path};
    if (test.program) {
      query.program = Program{*test.program, test.exe};
      query.program_known = ProgramKnown::known;
    }
    const Verdict verdict = decide(query);
    TestResult result;
    result.where = test.where;
    result.what = test.agent + " " + (test.exe.empty() ? "" : "by " + test.exe + " ") +
                  (has_request ? test.method + " " : "") + test.to + " expected " + std::string(to_text(test.expect));
    result.passed = verdict.action == test.expect;
    if (test.target->spoken == Spoken::tls) result.inspected_by = needs_request(query);
    result.injects = texts_of(verdict.injections);
    result.got = std::string(to_text(verdict.action)) + " by " + (verdict.rule.empty() ? "default" : verdict.rule) +
                 ": " + verdict.reason;
    results.push_back(std::move(result));
  }
  if (impl_->boundary) {
    for (TestResult& result : impl_->boundary->run_tests(now)) results.push_back(std::move(result));
  }
  return results;
}

}  // namespace sallyport
