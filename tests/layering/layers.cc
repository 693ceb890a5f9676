#include "tests/layering/layers.h"

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace lockstep::testing {
namespace {

struct Library {
  absl::string_view prefix;  // Of the included name.
  absl::string_view name;
};

// Libraries whose use is confined; all others are free. The first match counts.
constexpr std::array<Library, 16> kLibraries = {{
    {"pqxx/", "pqxx"},
    {"libpq", "libpq"},
    {"pg_query", "pg_query"},
    {"simdjson", "simdjson"},
    {"yaml-cpp/", "yaml-cpp"},
    {"httplib", "httplib"},
    {"CLI/", "CLI11"},
    {"grpc", "grpc"},  // grpc/ and grpcpp/
    {"google/protobuf/", "pb"},
    {"google/rpc/", "pb"},
    {"lockstep/v1/", "pb"},
    {"openssl/", "openssl"},
    {"spdlog/", "spdlog"},
    {"thread", "threads"},
    {"future", "threads"},
    {"condition_variable", "threads"},
}};

bool IsIn(absl::string_view path, absl::string_view room) {
  return absl::StartsWith(path, room) && path.size() > room.size() && path[room.size()] == '/';
}

// The most specific room that `path` is in.
const Layer* LayerOf(absl::string_view path) {
  const Layer* best = nullptr;
  for (const Layer& layer : Layers()) {
    if (IsIn(path, layer.room) && (best == nullptr || layer.room.size() > best->room.size())) {
      best = &layer;
    }
  }
  return best;
}

// The name between the quotes or brackets of an #include line.
std::optional<std::string> IncludedName(absl::string_view line) {
  line = absl::StripLeadingAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, "#")) return std::nullopt;
  line = absl::StripLeadingAsciiWhitespace(line);
  if (!absl::ConsumePrefix(&line, "include")) return std::nullopt;
  line = absl::StripLeadingAsciiWhitespace(line);
  if (line.empty()) return std::nullopt;
  const size_t end = line.find(line[0] == '<' ? '>' : '"', 1);
  return end == absl::string_view::npos ? std::nullopt
                                        : std::optional<std::string>(line.substr(1, end - 1));
}

bool Contains(const std::vector<std::string>& names, absl::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Why a file of `layer` may not include `name`; empty when it may.
std::string Objection(const Layer& layer, absl::string_view name) {
  // The public header is installed as lockstep/agent.h and included by that name.
  const std::string path =
      absl::StrCat(absl::StartsWith(name, "lockstep/") && !absl::StartsWith(name, "lockstep/v1/")
                       ? "agent/include/"
                       : "",
                   name);
  if (absl::EndsWith(name, ".cc")) return "a source file, not a header";
  if (const Layer* other = LayerOf(path); other != nullptr) {
    if (other->room == layer.room || Contains(layer.rooms, other->room)) return "";
    return absl::StrCat("room ", other->room);
  }
  for (const Library& library : kLibraries) {
    if (!absl::StartsWith(name, library.prefix)) continue;
    // The gRPC part of generated code is gRPC.
    const absl::string_view used = absl::EndsWith(name, ".grpc.pb.h") ? "grpc" : library.name;
    return Contains(layer.libraries, used) ? "" : absl::StrCat("library ", used);
  }
  return "";
}

}  // namespace

const std::vector<Layer>& Layers() {
  static const auto* const layers = new std::vector<Layer>{
      // Clock, log, retry, status macros; no domain word.
      {"engine/base", {}, {"openssl", "spdlog", "threads"}},
      // Pure values and functions: no I/O but reading their own files, no clock, no threads.
      {"engine/sql", {"engine/base"}, {"pg_query", "simdjson"}},
      {"engine/sql/rules", {"engine/base"}, {}},
      {"engine/sql/model", {"engine/base", "engine/sql"}, {}},
      {"engine/sql/analysis",
       {"engine/base", "engine/sql", "engine/sql/model", "engine/sql/rules"},
       {}},
      {"engine/chain",
       {"engine/base", "engine/sql", "engine/sql/model", "engine/sql/rules", "engine/sql/analysis"},
       {"yaml-cpp"}},
      // The only room that knows the drivers.
      {"engine/postgres", {"engine/base"}, {"pqxx", "libpq", "threads"}},
      // What touches a database. None knows the wire.
      {"engine/catalog", {"engine/base", "engine/postgres"}, {}},
      {"engine/schema",
       {"engine/base", "engine/sql", "engine/sql/model", "engine/sql/analysis", "engine/postgres"},
       {}},
      {"engine/apply",
       {"engine/base", "engine/sql", "engine/chain", "engine/postgres"},
       {"threads"}},
      {"engine/backfill",
       {"engine/base", "engine/sql", "engine/chain", "engine/postgres", "engine/apply"},
       {"threads"}},
      // Wire to domain and back.
      {"proto/convert", {"engine/base", "engine/chain"}, {"pb", "grpc"}},
      // Parts of a gRPC server that more than one program has.
      {"proto/serve", {"engine/base", "proto/convert"}, {"pb", "grpc"}},
      // The coordinator: rules over stores, without wire; rpc knows the wire and no SQL.
      {"coordinator", {"engine/base"}, {}},
      {"coordinator/store",
       {"coordinator", "engine/base", "engine/sql", "engine/chain", "engine/postgres"},
       {"threads"}},
      {"coordinator/review",
       {"coordinator", "coordinator/store", "engine/base", "engine/sql", "engine/sql/model",
        "engine/sql/rules", "engine/sql/analysis", "engine/chain", "engine/schema",
        "engine/postgres"},
       {}},
      {"coordinator/fleet",
       {"coordinator", "coordinator/store", "engine/base", "engine/sql", "engine/chain"},
       {"threads"}},
      {"coordinator/lease",
       {"coordinator", "coordinator/store", "coordinator/fleet", "engine/base", "engine/sql",
        "engine/chain"},
       {"threads"}},
      {"coordinator/operation",
       {"coordinator", "coordinator/store", "coordinator/fleet", "coordinator/lease",
        "coordinator/review", "engine/base", "engine/sql", "engine/chain", "engine/backfill"},
       {"threads"}},
      {"coordinator/status",
       {"coordinator", "coordinator/store", "coordinator/fleet", "coordinator/lease",
        "coordinator/operation", "engine/base", "engine/sql", "engine/chain"},
       {"threads"}},
      {"coordinator/wire",
       {"coordinator", "coordinator/store", "coordinator/fleet", "coordinator/lease",
        "coordinator/operation", "coordinator/review", "coordinator/status", "engine/base",
        "engine/sql", "engine/sql/model", "engine/sql/rules", "engine/sql/analysis", "engine/chain",
        "proto/convert"},
       {"pb"}},
      {"coordinator/rpc",
       {"coordinator", "coordinator/store", "coordinator/fleet", "coordinator/lease",
        "coordinator/operation", "coordinator/status", "coordinator/wire", "engine/base",
        "engine/sql", "engine/chain", "proto/convert", "proto/serve"},
       {"pb", "grpc", "threads"}},
      {"coordinator/http",
       {"coordinator", "coordinator/store", "coordinator/fleet", "coordinator/lease",
        "coordinator/operation", "coordinator/status", "engine/base"},
       {"httplib", "threads"}},
      {"coordinator/program",
       {"coordinator", "coordinator/store", "coordinator/fleet", "coordinator/lease",
        "coordinator/operation", "coordinator/status", "coordinator/rpc", "coordinator/http",
        "engine/base", "engine/postgres", "engine/catalog", "proto/serve"},
       {"grpc", "httplib", "CLI11", "threads"}},
      // The agent: a library whose public header needs none of the rest, and a program over it.
      {"agent/include", {}, {}},
      {"agent",
       {"agent/include", "engine/base", "engine/chain", "engine/postgres", "engine/apply",
        "engine/backfill", "proto/convert"},
       {"pb", "grpc", "threads"}},
      {"agent/health", {"engine/base", "proto/serve"}, {"grpc"}},
      {"agent/process",
       {"agent/include", "agent/health", "engine/base", "engine/chain"},
       {"httplib", "CLI11", "threads"}},
      // Release tooling; for --direct also the coordinator's rules, never its rpc.
      {"ctl/direct",
       {"engine/base", "engine/sql", "engine/sql/model", "engine/sql/analysis", "engine/schema",
        "engine/chain", "engine/postgres", "engine/catalog", "engine/apply", "engine/backfill",
        "coordinator", "coordinator/store", "coordinator/fleet", "coordinator/lease",
        "coordinator/operation", "coordinator/review", "coordinator/status", "coordinator/wire"},
       {"pb", "threads"}},
      // `lockstep dev`: starts the programs, as anybody would.
      {"ctl/dev",
       {"engine/base", "engine/chain", "engine/postgres", "engine/catalog"},
       {"threads"}},
      {"ctl",
       {"ctl/direct", "ctl/dev", "engine/base", "engine/sql", "engine/sql/model",
        "engine/sql/rules", "engine/sql/analysis", "engine/chain", "engine/postgres",
        "engine/catalog", "engine/schema", "engine/apply", "proto/convert"},
       {"pb", "grpc", "CLI11", "threads"}},
  };
  return *layers;
}

std::vector<std::string> CheckIncludes(const std::vector<Source>& sources) {
  std::vector<std::string> problems;
  for (const Source& source : sources) {
    const Layer* const layer = LayerOf(source.path);
    if (layer == nullptr) {
      problems.push_back(absl::StrCat(source.path, ": in no room of the layer table"));
      continue;
    }
    for (size_t i = 0; i < source.lines.size(); ++i) {
      const auto name = IncludedName(source.lines[i]);
      if (!name.has_value()) continue;
      const std::string objection = Objection(*layer, *name);
      if (objection.empty()) continue;
      problems.push_back(absl::StrCat(source.path, ":", i + 1, ": ", layer->room,
                                      " must not include ", *name, " (", objection, ")"));
    }
  }
  return problems;
}

std::vector<std::string> CheckHttplib(const std::vector<Source>& sources) {
  std::vector<std::string> problems;
  std::map<std::string, std::string> first;  // By program.
  for (const Source& source : sources) {
    for (const std::string& line : source.lines) {
      if (IncludedName(line) != "httplib.h") continue;
      const std::string program = source.path.substr(0, source.path.find('/'));
      const auto [it, inserted] = first.emplace(program, source.path);
      if (!absl::EndsWith(source.path, ".cc")) {
        problems.push_back(absl::StrCat(source.path, ": httplib.h in a header"));
      } else if (!inserted) {
        problems.push_back(absl::StrCat(source.path, ": httplib.h is already in ", it->second));
      }
    }
  }
  return problems;
}

std::vector<std::string> CheckCycles(const std::vector<Layer>& layers) {
  std::map<std::string, const Layer*> by_room;
  for (const Layer& layer : layers) by_room[layer.room] = &layer;
  std::vector<std::string> problems;
  for (const Layer& layer : layers) {
    std::set<std::string> reached;
    const std::function<void(const Layer&)> visit = [&](const Layer& from) {
      for (const std::string& room : from.rooms) {
        const auto it = by_room.find(room);
        if (it == by_room.end()) {
          problems.push_back(absl::StrCat(from.room, " names ", room, ", which has no row"));
        } else if (reached.insert(room).second) {
          visit(*it->second);
        }
      }
    };
    visit(layer);
    if (reached.contains(layer.room)) {
      problems.push_back(absl::StrCat(layer.room, " reaches itself"));
    }
  }
  return problems;
}

}  // namespace lockstep::testing
