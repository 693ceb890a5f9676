#include "engine/postgres/connection.h"

#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

// libpqxx 6 marks inhibit_reactivation deprecated; it is the only cure for its silent reconnect.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include <pqxx/pqxx>

#include "engine/base/status_macros.h"
#include "engine/postgres/conninfo.h"
#include "engine/postgres/errors.h"

namespace lockstep::postgres {
namespace {

// The primary message: PostgreSQL's text without severity, and without the LINE and caret that
// libpq adds below it.
std::string PrimaryMessage(const std::string& text) {
  absl::string_view view = absl::StripAsciiWhitespace(text);
  const size_t colon = view.find(":  ");
  if (colon != absl::string_view::npos && colon < 16) view.remove_prefix(colon + 3);
  return std::string(view.substr(0, view.find('\n')));
}

// The text after "DETAIL:  " or "HINT:  " in libpq's default verbosity.
std::string Section(const std::string& text, absl::string_view label) {
  const size_t start = text.find(std::string(label));
  if (start == std::string::npos) return "";
  const size_t from = start + label.size();
  return std::string(absl::StripAsciiWhitespace(text.substr(from, text.find('\n', from) - from)));
}

SqlError ErrorOf(const std::string& sqlstate, const std::exception& e) {
  return {.sqlstate = sqlstate,
          .message = PrimaryMessage(e.what()),
          .detail = Section(e.what(), "DETAIL:  "),
          .hint = Section(e.what(), "HINT:  ")};
}

// libpqxx 6 keeps the SQLSTATE for sql_error only, and not for 42501; the classes that carry none
// come first, 53300 before its base class.
absl::Status StatusOfException() {
  try {
    throw;
  } catch (const pqxx::in_doubt_error& e) {
    return CommitInDoubtError(e.what());
  } catch (const pqxx::statement_completion_unknown& e) {
    return CommitInDoubtError(e.what());
  } catch (const pqxx::too_many_connections& e) {
    return ToStatus(ErrorOf("53300", e));
  } catch (const pqxx::broken_connection& e) {
    return UnavailableError(e.what());
  } catch (const pqxx::deadlock_detected& e) {
    return ToStatus(ErrorOf("40P01", e));
  } catch (const pqxx::serialization_failure& e) {
    return ToStatus(ErrorOf("40001", e));
  } catch (const pqxx::insufficient_privilege& e) {
    return ToStatus(ErrorOf("42501", e));
  } catch (const pqxx::sql_error& e) {
    SqlError error = ErrorOf(e.sqlstate(), e);
    // The server ends the session with 57P01 when an administrator or a fast stop asks for it.
    return ToStatus(error);
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("libpqxx: ", e.what()));
  }
}

}  // namespace

class Connection::Impl {
 public:
  explicit Impl(const std::string& conninfo) : connection(conninfo) {
#if PQXX_VERSION_MAJOR < 7
    connection.inhibit_reactivation(true);
#endif
    transaction.emplace(connection);
  }

  pqxx::connection connection;
  // Everything runs in autocommit as far as libpqxx knows; BEGIN and COMMIT are ours.
  std::optional<pqxx::nontransaction> transaction;
  bool lost = false;
  // Whether a statement failed since the last BEGIN, so that the transaction may be an aborted one.
  bool failed = false;

  // Remembers what the failure means for what follows.
  absl::Status Failed() {
    const absl::Status status = StatusOfException();
    failed = true;
    if (IsConnectionLost(status)) lost = true;
    return status;
  }
};

Connection::Connection(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Connection::~Connection() = default;

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const ConnectionOptions& options) {
  ASSIGN_OR_RETURN(
      const std::string conninfo,
      CompleteConninfo(options.conninfo, options.application_name, options.connect_timeout));
  std::unique_ptr<Connection> connection;
  try {
    connection.reset(new Connection(std::make_unique<Impl>(conninfo)));
  } catch (const std::exception& e) {
    return ConnectError(RedactConninfo(options.conninfo), e.what());
  }
  // What is asked here takes microseconds. A table of one row that was changed often looks long to
  // the planner until it is vacuumed, and compiling a query for it takes milliseconds.
  std::string setup =
      "SET client_min_messages = warning; SET default_transaction_isolation = 'read "
      "committed'; SET datestyle = 'ISO'; SET timezone = 'UTC'; "
      "SET bytea_output = 'hex'; SET jit = off";
  if (options.statement_timeout > absl::ZeroDuration()) {
    absl::StrAppend(
        &setup, "; SET statement_timeout = ", absl::ToInt64Milliseconds(options.statement_timeout));
  }
  if (options.lock_timeout > absl::ZeroDuration()) {
    absl::StrAppend(&setup,
                    "; SET lock_timeout = ", absl::ToInt64Milliseconds(options.lock_timeout));
  }
  RETURN_IF_ERROR(connection->RunScript(setup));
  return connection;
}

absl::StatusOr<Result> Connection::Query(const std::string& sql, const std::vector<Value>& params) {
  if (impl_->lost) return UnavailableError("the connection was lost before");
  RETURN_IF_ERROR(CheckNoZeroByte(sql, params));
  try {
    std::vector<const char*> pointers;
    pointers.reserve(params.size());
    for (const Value& value : params) pointers.push_back(value ? value->c_str() : nullptr);
    const pqxx::result rows = impl_->transaction->exec_params(
        sql, pqxx::prepare::make_dynamic_params(pointers.begin(), pointers.end()));
    Result result;
    result.affected_rows = static_cast<int64_t>(rows.affected_rows());
    for (const auto& row : rows) {
      std::vector<Value> values;
      values.reserve(row.size());
      for (const auto& field : row) {
        values.push_back(field.is_null() ? Value()
                                         : Value(std::string(field.c_str(), field.size())));
      }
      result.rows.emplace_back(std::move(values));
    }
    return result;
  } catch (...) {
    return impl_->Failed();
  }
}

absl::Status Connection::RunScript(const std::string& sql) {
  if (impl_->lost) return UnavailableError("the connection was lost before");
  RETURN_IF_ERROR(CheckNoZeroByte(sql));
  try {
    impl_->transaction->exec(sql);
    return absl::OkStatus();
  } catch (...) {
    return impl_->Failed();
  }
}

absl::Status Connection::Wrap(const std::string& begin, const std::function<absl::Status()>& body) {
  RETURN_IF_ERROR(RunScript(begin));
  impl_->failed = false;
  absl::Status done = body();
  // PostgreSQL answers the COMMIT of an aborted transaction with a ROLLBACK and no error. Any
  // statement tells whether this one is; a savepoint may have saved it.
  if (done.ok() && impl_->failed) done = RunScript("SELECT 1");
  if (!done.ok()) {
    if (!impl_->lost) RunScript("ROLLBACK").IgnoreError();
    return done;
  }
  const absl::Status committed = RunScript("COMMIT");
  if (!committed.ok() && impl_->lost) return CommitInDoubtError(committed.message());
  return committed;
}

absl::Status Connection::InTransaction(const std::function<absl::Status()>& body) {
  return Wrap("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", body);
}

absl::Status Connection::InSnapshot(const std::function<absl::Status()>& body) {
  return Wrap("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", body);
}

bool Connection::usable() const { return !impl_->lost; }
int Connection::backend_pid() const { return impl_->connection.backendpid(); }
int Connection::socket() const { return impl_->connection.sock(); }
int Connection::server_version() const { return impl_->connection.server_version(); }

}  // namespace lockstep::postgres

#pragma GCC diagnostic pop
