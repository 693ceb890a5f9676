// The reference of the upgrades: what a runner written for this one job can reach while each
// migration and its history row are one durable transaction. A session advisory lock, then one
// simple-query message a migration: BEGIN; script; INSERT INTO history; COMMIT.
//
//   bench-libpq-loop CONNINFO DIRECTORY
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <libpq-fe.h>

namespace {

bool Run(PGconn* connection, const std::string& sql) {
  PGresult* const result = PQexec(connection, sql.c_str());
  const ExecStatusType status = PQresultStatus(result);
  PQclear(result);
  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return true;
  std::fprintf(stderr, "%s", PQerrorMessage(connection));
  return false;
}

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// In the order of their numbers.
std::vector<std::string> Files(const std::string& directory) {
  std::map<int, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".sql") continue;
    files[std::atoi(entry.path().filename().c_str())] = entry.path().string();
  }
  std::vector<std::string> paths;
  for (const auto& [number, path] : files) paths.push_back(path);
  return paths;
}

bool RunAll(PGconn* connection, const std::vector<std::string>& files) {
  if (!Run(connection,
           "SELECT pg_advisory_lock(7411); CREATE TABLE IF NOT EXISTS history (version text "
           "PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())")) {
    return false;
  }
  for (const std::string& path : files) {
    const std::string version = std::filesystem::path(path).filename().string();
    if (!Run(connection, "BEGIN; " + Read(path) + "\n; INSERT INTO history (version) VALUES ('" +
                             version + "'); COMMIT")) {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::vector<std::string> files = Files(argv[2]);
  PGconn* const connection = PQconnectdb(argv[1]);
  bool ok = PQstatus(connection) == CONNECTION_OK;
  if (!ok) std::fprintf(stderr, "%s", PQerrorMessage(connection));
  PQsetNoticeProcessor(
      connection, [](void*, const char*) {}, nullptr);
  ok = ok && RunAll(connection, files);
  PQfinish(connection);
  return ok ? 0 : 1;
}
