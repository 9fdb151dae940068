// Invented agents, questions, answers and records.
#pragma once
#include "approvals/approvals.hpp"
#include "console/backend.hpp"
#include "telemetry/audit_log.hpp"

#include <string>
#include <vector>

namespace sallyport {

const char* sample_policy();
// Fills the store; the tickets hold the connections that wait.
std::vector<Approvals::Ticket> ask_samples(Approvals& approvals, std::size_t invented);
void answer_samples(Approvals& approvals);
void record_samples(AuditLog& audit);
std::vector<LiveConnection> sample_connections();
std::vector<AgentInfo> sample_agents();

}  // namespace sallyport
