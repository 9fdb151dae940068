// `sallyport audit query|timeline|report|export`: records for people and for other programs.
#pragma once

namespace CLI {
class App;
}

namespace sallyport {

// Each adds a command to `audit`; `exit_status` as add_audit_command() says.
void add_query_command(CLI::App& audit, int& exit_status);
void add_timeline_command(CLI::App& audit, int& exit_status);
void add_report_command(CLI::App& audit, int& exit_status);
void add_export_command(CLI::App& audit, int& exit_status);

}  // namespace sallyport
