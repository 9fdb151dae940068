// The questions that tell two policies apart; used by diff*.cpp only.
#pragma once
#include "policy/pattern.hpp"
#include "policy/policy_impl.hpp"

#include <set>
#include <string>
#include <vector>

namespace sallyport {

// A host that stands for all that a pattern names and no narrower one does.
struct Witness {
  std::string target;
  Host host;
};

// One way to use a connection.
struct Shape {
  std::string text;  // "GET /x", "tls", "ssh"
  Spoken spoken = Spoken::pending;
  std::string method = {}, path = {};
  bool ech = false;
  ProgramKnown program_known = ProgramKnown::unknown;
  FileIdentity program = {};
};

// Both policies, and their boundaries, as one set of rules for an agent.
std::vector<const Rule*> rules_of(const Policy& before, const Policy& after, const std::string& agent);

std::vector<Witness> witnesses_of(const std::vector<const Rule*>& rules);
// The rules among them that name the host.
std::vector<const Rule*> naming(const std::vector<const Rule*>& rules, const Host& host);
// The first port of every run of ports that these rules treat alike; the first is 1.
std::vector<std::uint16_t> port_runs(const std::vector<const Rule*>& rules);
// One shape where none of the rules looks at what is spoken.
std::vector<Shape> shapes_of(const std::vector<const Rule*>& rules);

}  // namespace sallyport
