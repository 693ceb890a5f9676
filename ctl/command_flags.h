// The flags and examples of the command table; command.cc has its rows. For command.cc alone.
#ifndef LOCKSTEP_CTL_COMMAND_FLAGS_H_
#define LOCKSTEP_CTL_COMMAND_FLAGS_H_

#include "ctl/command.h"

namespace lockstep::ctl::flags {

inline constexpr Flag kMigrations = {"--migrations", ValueKind::kText, "DIR",
                                     "The migrations directory (default ./migrations)"};
inline constexpr Flag kTo = {"--to", ValueKind::kNumber, "N",
                             "The version to reach (default: the head)"};
inline constexpr Flag kContracts = {
    "--contracts", ValueKind::kNone, "",
    "Run waiting contracts too, once no live instance needs the old shape"};
inline constexpr Flag kReason = {"--reason", ValueKind::kText, "TEXT", "Why; kept in the record"};
inline constexpr Flag kYes = {"--yes", ValueKind::kNone, "", "Do not ask"};
inline constexpr Flag kWait = {"--wait", ValueKind::kNone, "", "Follow it to its end (default)"};
inline constexpr Flag kNoWait = {"--no-wait", ValueKind::kNone, "",
                                 "Print the operation's id and leave it to itself"};
inline constexpr Flag kRequestId = {
    "--request-id", ValueKind::kText, "ID",
    "The same id starts the same operation once (default: a new UUID)"};

inline constexpr Flag kTerminateIdle = {
    "--terminate-idle-blockers", ValueKind::kDuration, "DURATION",
    "End sessions idle in a transaction this long (1s to 1h) in a migration's way"};

inline constexpr Flag kGlobals[] = {
    {"--address", ValueKind::kText, "ADDRESS", "A coordinator, HOST:PORT or unix:PATH; repeatable",
     false, true},
    {"--context", ValueKind::kText, "NAME", "The coordinator of `lockstep context add NAME`"},
    {"-o,--output", ValueKind::kText, "FORMAT",
     "table (default), json, or jsonl: one JSON object a line"},
    {"--timeout", ValueKind::kDuration, "DURATION",
     "Give up after this long, e.g. 30s or 10m; what was started goes on"},
    {"--color", ValueKind::kText, "WHEN", "auto (default), always or never"},
    {"-q,--quiet", ValueKind::kNone, "", "No talk on standard error but errors"},
    {"-v,--verbose", ValueKind::kNone, "", "More talk on standard error"},
    {"--no-input", ValueKind::kNone, "", "Never ask a question"},
};

inline constexpr Flag kInitFlags[] = {
    {"--service", ValueKind::kText, "NAME", "Also services/NAME/lockstep.yaml"}};
inline constexpr Flag kSetupFlags[] = {
    {"--database", ValueKind::kText, "URL", "The database, as a role that may create a schema"},
    {"--database-file", ValueKind::kText, "FILE", "The file that holds --database"},
    {"--owner-role", ValueKind::kText, "ROLE",
     "The role that migrations run as (default: the owner of the database)"},
    {"--search-path", ValueKind::kText, "PATH", "search_path of migrations (default public)"},
    {"--migrator", ValueKind::kText, "ROLE", "Let agents migrate as ROLE; repeatable", false, true},
    {"--agent", ValueKind::kText, "ROLE", "Let ROLE call the functions for agents; repeatable",
     false, true},
    {"--coordinator", ValueKind::kText, "ROLE", "Let coordinators connect as ROLE; repeatable",
     false, true},
    {"--print", ValueKind::kNone, "", "Print the SQL, change nothing"}};
inline constexpr Flag kDoctorFlags[] = {
    {"--database", ValueKind::kText, "URL", "Also judge this connection, as an agent's"},
    {"--database-file", ValueKind::kText, "FILE", "The file that holds --database"},
    {"--owner-role", ValueKind::kText, "ROLE",
     "The role that migrations run as, where it cannot be read"}};
inline constexpr Flag kNewFlags[] = {
    kMigrations,
    {"--backfill", ValueKind::kNone, "", "A backfill instead of a migration"},
    {"--dual-write", ValueKind::kText, "OLD=NEW", "A trigger that keeps two columns equal"},
    {"--table", ValueKind::kText, "TABLE", "The table of --backfill or --dual-write"},
    {"--key", ValueKind::kText, "COLUMN", "The column whose ranges make its batches (default id)"}};
inline constexpr Flag kSumFlags[] = {
    kMigrations,
    {"--check", ValueKind::kNone, "", "Change nothing; exit 3 when chain.sum is missing or stale"}};
inline constexpr Flag kCheckFlags[] = {
    kMigrations,
    {"--services", ValueKind::kText, "DIR",
     "Where NAME/lockstep.yaml are (default: services beside the migrations)"},
    {"--remote", ValueKind::kNone, "",
     "Also compare with the published chain; exit 8 if they part"}};
inline constexpr Flag kLintFlags[] = {
    kMigrations,
    {"--database", ValueKind::kText, "URL", "Judge against what exists in this database"},
    {"--database-file", ValueKind::kText, "FILE", "The file that holds --database"},
    {"--applied", ValueKind::kNumber, "N",
     "Versions up to N exist (default: as the database says, or those before the first FILE)"},
    {"--postgres", ValueKind::kNumber, "N", "The server's major version (default 15)"},
    {"--fail-on", ValueKind::kText, "SEVERITY",
     "Exit 3 from error (default), warning or info on, or never"},
    {"--min-severity", ValueKind::kText, "SEVERITY",
     "Show findings from this one on (default: warning; info with json and sarif)"},
    {"--service-file", ValueKind::kText, "FILE",
     "Judge this lockstep.yaml instead of migrations", false, true},
    {"--fleet", ValueKind::kNone, "",
     "Ask the coordinator which builds that run now each contract concerns"},
    {"--explain", ValueKind::kText, "RULE", "Explain a rule, or list them with `all`"}};
inline constexpr Flag kAttestFlags[] = {
    {"--file", ValueKind::kText, "PATH",
     "The service's file (default: services/SERVICE/lockstep.yaml beside the migrations)"},
    kMigrations,
    kYes};
inline constexpr const char* kLintFormats[] = {"text", "sarif", "github"};
inline constexpr Flag kLint = {"--lint", ValueKind::kText, "LEVEL",
                               "Findings: error (default), warn or off"};
inline constexpr Flag kPublishFlags[] = {
    kMigrations,
    {"--dry-run", ValueKind::kNone, "", "Let the coordinator check, publish nothing"},
    kLint};
inline constexpr Flag kPlanFlags[] = {
    {"--migrations", ValueKind::kText, "DIR",
     "Say which published versions it does not have (default ./migrations)"},
    kTo,
    kContracts,
    {"--sql", ValueKind::kNone, "", "Print the SQL instead of the table"},
    {"--detailed-exitcode", ValueKind::kNone, "", "Exit 3 when an upgrade would change something"}};
inline constexpr Flag kUpgradeFlags[] = {
    kTo,
    kContracts,
    kYes,
    kWait,
    kNoWait,
    kReason,
    kRequestId,
    kTerminateIdle,
    {"--sql", ValueKind::kNone, "", "Print the SQL it would run, change nothing"},
    kLint,
    {"--direct", ValueKind::kNone, "", "Without a coordinator: this process does it all"},
    {"--database", ValueKind::kText, "URL", "With --direct: the database"},
    {"--database-file", ValueKind::kText, "FILE", "With --direct: file that holds --database"},
    {"--migrate-database", ValueKind::kText, "URL",
     "With --direct: another role for the migrations (default: --database)"},
    {"--migrations", ValueKind::kText, "DIR",
     "With --direct: the migrations directory (default: ./migrations)"},
    {"--owner-role", ValueKind::kText, "ROLE",
     "With --direct: role that migrations run as (default: the owner of the database)"},
    {"--search-path", ValueKind::kText, "PATH",
     "With --direct: search_path of migrations (default: public)"}};
inline constexpr Flag kContractFlags[] = {
    {"--when-drained", ValueKind::kNone, "",
     "Let no more of them in, and run by itself when the last one has left"},
    {"--deadline", ValueKind::kDuration, "DURATION",
     "Give up and lift the barrier after this long (default 7d)"},
    {"--soak", ValueKind::kDuration, "DURATION",
     "Run only after it has concerned nobody for this long"},
    {"--accept-unknown", ValueKind::kText, "REASON",
     "Clients that nobody declared do no harm; why, kept in the record"},
    kYes,
    kWait,
    kNoWait,
    kReason,
    kRequestId,
    kTerminateIdle};
inline constexpr const char* kWideFormats[] = {"wide"};
inline constexpr Flag kWaitFlags[] = {
    {"--for", ValueKind::kText, "WHAT", "version=N, gate=SERVICE or operation=ID", true}};
inline constexpr Flag kStatusFlags[] = {
    {"--watch", ValueKind::kNone, "", "Show it again whenever it changes, until Ctrl-C"}};
inline constexpr Flag kBuild = {"--build", ValueKind::kText, "B", "Which image or commit"};
inline constexpr Flag kBuildFile = {"--build-file", ValueKind::kText, "FILE",
                                    "The lockstep.yaml that the build has"};
inline constexpr Flag kChainSum = {
    "--chain-sum", ValueKind::kText, "FILE",
    "The chain.sum that the build was made with (default ./migrations/chain.sum)"};
inline constexpr Flag kCanDeployFlags[] = {
    kBuild,
    kBuildFile,
    kChainSum,
    {"--rollback", ValueKind::kNone, "", "It is a build to go back to: say how to keep it"}};
inline constexpr Flag kPinsAddFlags[] = {
    kBuild,
    {"--for", ValueKind::kDuration, "DURATION", "How long (1m to 365d; default 7d)"},
    kBuildFile,
    kChainSum,
    kReason};
inline constexpr Flag kPinsRetireFlags[] = {kBuild, kReason};
inline constexpr Flag kOverrideFlags[] = {
    {"--confirm", ValueKind::kText, "TOKEN", "Do it to those that were shown with this token"},
    {"--for", ValueKind::kDuration, "DURATION", "How long it may be used (1m to 24h; default 1h)"},
    kReason};
inline constexpr Flag kAuditListFlags[] = {
    {"--limit", ValueKind::kCount, "N", "How many at most (default 100)"}};
inline constexpr Flag kAuditVerifyFlags[] = {
    {"--expect", ValueKind::kText, "HASH", "A hash that was noted earlier must be in it"}};
inline constexpr Flag kInstancesFlags[] = {
    {"--concerned-by", ValueKind::kNumber, "N", "Only those that contract N concerns, with why"}};
inline constexpr Flag kLeasesFlags[] = {
    {"--limit", ValueKind::kCount, "N", "How many at most (default 20)"}};
inline constexpr Flag kEventsFlags[] = {
    {"--after", ValueKind::kCount, "SEQUENCE", "Only later events (default: the newest ones)"},
    {"--limit", ValueKind::kCount, "N", "How many at most (default 100, with --follow no end)"},
    {"--follow", ValueKind::kNone, "", "Go on with events as they come, until Ctrl-C"}};
inline constexpr Flag kListFlags[] = {
    {"--active", ValueKind::kNone, "", "Only those that have not ended"}};
inline constexpr Flag kCancelFlags[] = {kReason};
inline constexpr Flag kDevFlags[] = {
    kMigrations,
    {"--once", ValueKind::kNone, "", "Apply what is there, stop everything and exit"},
    {"--seed", ValueKind::kNone, "", "Then run DIR/seeds/*.sql"},
    {"--reset", ValueKind::kNone, "", "Begin with an empty database"},
    {"--ephemeral", ValueKind::kNone, "", "In a directory of its own, gone in the end"},
    {"--state", ValueKind::kText, "DIR", "Where the database is (default .lockstep/dev)"},
    {"--port", ValueKind::kNumber, "N", "PostgreSQL on 127.0.0.1 too, with a password"},
    {"--listen", ValueKind::kText, "HOST:PORT", "The coordinator on an address of loopback too"},
    {"--postgres-bin", ValueKind::kText, "DIR", "Where postgres and initdb are (default: found)"}};
inline constexpr Flag kHoldFlags[] = {kReason};
inline constexpr Flag kRate = {"--rate", ValueKind::kCount, "N", "Rows a second; 0: no limit"};
inline constexpr Flag kBatch = {"--batch", ValueKind::kCount, "N", "Rows of a batch at most"};
inline constexpr Flag kWindow = {"--window", ValueKind::kText, "HH:MM-HH:MM",
                                 "Run at this time of the day only, UTC"};
inline constexpr Flag kIgnore = {.names = "--ignore",
                                 .kind = ValueKind::kText,
                                 .value = "THROTTLE",
                                 .text = "Do not stand still for this",
                                 .repeatable = true};
inline constexpr Flag kMaxLag = {"--max-lag-ms", ValueKind::kCount, "N",
                                 "How far replicas may be behind; 1500 unless told"};
inline constexpr Flag kMaxActive = {"--max-active", ValueKind::kCount, "N",
                                    "Active sessions at most; twice the cores unless told"};
inline constexpr Flag kMaxTransaction = {"--max-transaction", ValueKind::kCount, "SECONDS",
                                         "How old others' transactions may be; 60 unless told"};
inline constexpr Flag kDatabaseIsAsked = {"--direct", ValueKind::kNone, "",
                                          "Without a coordinator: ask the database itself"};
inline constexpr Flag kDirectDatabase = {"--database", ValueKind::kText, "URL",
                                         "With --direct: the database"};
inline constexpr Flag kDirectDatabaseFile = {"--database-file", ValueKind::kText, "FILE",
                                             "With --direct: file that holds --database"};
inline constexpr Flag kBackfillListFlags[] = {kDatabaseIsAsked, kDirectDatabase,
                                              kDirectDatabaseFile};
inline constexpr Flag kBackfillStartFlags[] = {
    {"--again", ValueKind::kNone, "", "Walk all of it once more although it is finished"},
    {"--wait", ValueKind::kNone, "", "Follow it to its end"},
    kRate,
    kBatch,
    kWindow,
    kMaxLag,
    kMaxActive,
    kMaxTransaction,
    kIgnore,
    kReason,
    {"--direct", ValueKind::kNone, "", "Without a coordinator: this process does it all"},
    kDirectDatabase,
    kDirectDatabaseFile,
    {"--migrate-database", ValueKind::kText, "URL",
     "With --direct: another role for its batches (default: --database)"},
    {"--migrations", ValueKind::kText, "DIR",
     "With --direct: the migrations directory (default: ./migrations)"}};
inline constexpr Flag kBackfillRateFlags[] = {
    kRate,      kBatch,
    kWindow,    kMaxLag,
    kMaxActive, kMaxTransaction,
    kIgnore,    {"--reset", ValueKind::kNone, "", "Take all settings back"},
    kReason};
inline constexpr const char* kBackfillListExamples[] = {
    "lockstep backfill list",
    "lockstep backfill list --direct --database postgresql://ci@localhost/app"};
inline constexpr const char* kBackfillGetExamples[] = {"lockstep backfill get fill_totals"};
inline constexpr const char* kBackfillStartExamples[] = {
    "lockstep backfill start fill_totals --wait",
    "lockstep backfill start fill_totals --again --rate 2000",
    "lockstep backfill start fill_totals --direct --database postgresql://ci@localhost/app"};
inline constexpr const char* kBackfillPauseExamples[] = {
    "lockstep backfill pause fill_totals --reason 'the report runs'"};
inline constexpr const char* kBackfillResumeExamples[] = {"lockstep backfill resume fill_totals"};
inline constexpr const char* kBackfillRateExamples[] = {
    "lockstep backfill rate fill_totals --rate 500",
    "lockstep backfill rate fill_totals --window 22:00-06:00 --ignore replica"};
inline constexpr const char* kBackfillCancelExamples[] = {"lockstep backfill cancel fill_totals"};
inline constexpr Flag kEvictFlags[] = {
    {"--attest", ValueKind::kNone, "", "You state that its process is gone; needs --reason"},
    {"--reason", ValueKind::kText, "TEXT", "How you know; kept in the record"},
    {"--dry-run", ValueKind::kNone, "", "Show what would end, change nothing"},
    kYes,
    kWait,
    {"--no-wait", ValueKind::kNone, "", "Record it and leave the rest to the coordinator"}};

inline constexpr const char* kStatusExamples[] = {
    "lockstep status", "lockstep status platform-core", "lockstep status --watch",
    "lockstep status -o json"};
inline constexpr const char* kInitExamples[] = {"lockstep init",
                                                "lockstep init shop --service cart"};
inline constexpr const char* kSetupExamples[] = {
    "lockstep setup --database postgresql://postgres@db/shop --owner-role app --migrator migrator",
    "lockstep setup --owner-role app --migrator migrator --print"};
inline constexpr const char* kNewExamples[] = {
    "lockstep new add user settings",
    "lockstep new --backfill 'fill settings v1' --table users --key id",
    "lockstep new 'keep both totals' --dual-write total=total_cents --table orders"};
inline constexpr const char* kSumExamples[] = {"lockstep sum", "lockstep sum --check"};
inline constexpr const char* kCheckExamples[] = {"lockstep check",
                                                 "lockstep check --remote -o json"};
inline constexpr const char* kLintExamples[] = {
    "lockstep lint", "lockstep lint migrations/017_add_nickname.sql",
    "lockstep lint --database postgresql://reader@db/shop --fail-on warning",
    "lockstep lint -o sarif > lint.sarif", "lockstep lint --explain set-not-null-scan"};
inline constexpr const char* kPublishExamples[] = {
    "lockstep publish", "lockstep publish --migrations db/migrations --dry-run"};
inline constexpr const char* kPlanExamples[] = {"lockstep plan", "lockstep plan --to 16 --sql",
                                                "lockstep plan --detailed-exitcode"};
inline constexpr const char* kUpgradeExamples[] = {
    "lockstep upgrade", "lockstep upgrade --to 14 --yes --timeout 10m",
    "lockstep upgrade --contracts --reason 'release 42'",
    "lockstep upgrade --direct --database postgresql://ci@localhost/app",
    "lockstep upgrade --direct --sql"};
inline constexpr const char* kAttestExamples[] = {"lockstep attest platform-core 13"};
inline constexpr const char* kContractExamples[] = {
    "lockstep contract 13", "lockstep contract 13 --when-drained --deadline 7d --soak 1h",
    "lockstep contract 13 --accept-unknown 'metabase reads other tables only'"};
inline constexpr const char* kBlockersExamples[] = {"lockstep blockers", "lockstep blockers 13",
                                                    "lockstep blockers 13 -o wide"};
inline constexpr const char* kWaitExamples[] = {"lockstep wait --for version=16 --timeout 10m",
                                                "lockstep wait --for gate=platform-core",
                                                "lockstep wait --for operation=op-7f3a"};
inline constexpr const char* kCanDeployExamples[] = {
    "lockstep can-deploy platform-core",
    "lockstep can-deploy platform-core --build-file lockstep.yaml --chain-sum chain.sum",
    "lockstep can-deploy platform-core --build 8d02b17 --rollback"};
inline constexpr const char* kPinsExamples[] = {"lockstep pins", "lockstep pins platform-core"};
inline constexpr const char* kPinsAddExamples[] = {
    "lockstep pins add platform-core --build 8d02b17 --for 7d --reason 'release 42'"};
inline constexpr const char* kPinsRetireExamples[] = {
    "lockstep pins retire platform-core --build 8d02b17 --reason 'release 42 stays'"};
inline constexpr const char* kOverrideExamples[] = {
    "lockstep override contract 13",
    "lockstep override contract 13 --confirm 91c3f0d2ab7e4415 --reason 'batch jobs may fail'"};
inline constexpr const char* kAuditListExamples[] = {"lockstep audit list",
                                                     "lockstep audit list --limit 1000 -o jsonl"};
inline constexpr const char* kAuditVerifyExamples[] = {"lockstep audit verify"};
inline constexpr const char* kHistoryExamples[] = {"lockstep history", "lockstep history -o json"};
inline constexpr const char* kListExamples[] = {"lockstep operations list --active"};
inline constexpr const char* kGetExamples[] = {"lockstep operations get op-7f3a"};
inline constexpr const char* kCancelExamples[] = {
    "lockstep operations cancel op-7f3a --reason 'wrong target'"};
inline constexpr const char* kWatchExamples[] = {"lockstep operations watch op-7f3a"};
inline constexpr const char* kPauseExamples[] = {
    "lockstep operations pause op-7f3a --reason 'load is too high'"};
inline constexpr const char* kResumeExamples[] = {"lockstep operations resume op-7f3a"};
inline constexpr const char* kRetryExamples[] = {
    "lockstep operations retry op-7f3a --reason 'the report has ended'"};
inline constexpr const char* kDevExamples[] = {"lockstep dev", "lockstep dev --port 15432 --seed",
                                               "lockstep dev --reset",
                                               "lockstep dev --once --ephemeral"};
inline constexpr const char* kInstancesExamples[] = {"lockstep instances",
                                                     "lockstep instances platform-core -o jsonl",
                                                     "lockstep instances --concerned-by 13"};
inline constexpr const char* kInstancesGetExamples[] = {
    "lockstep instances get platform-core-7f9c"};
inline constexpr const char* kEvictExamples[] = {
    "lockstep instances evict orders orders-7f9c --dry-run",
    "lockstep instances evict orders orders-7f9c --attest --reason 'node 7 burned down'"};
inline constexpr const char* kLeasesExamples[] = {"lockstep leases", "lockstep leases --limit 100"};
inline constexpr const char* kEventsExamples[] = {
    "lockstep events", "lockstep events --follow",
    "lockstep events --after 1200 --limit 500 -o jsonl"};
inline constexpr const char* kExportExamples[] = {"lockstep chain export",
                                                  "lockstep chain export -o json"};
inline constexpr const char* kDoctorExamples[] = {
    "lockstep doctor", "lockstep doctor --database postgresql://migrator@db/shop"};
inline constexpr const char* kContextListExamples[] = {"lockstep context list"};
inline constexpr const char* kContextUseExamples[] = {"lockstep context use staging"};
inline constexpr const char* kContextAddExamples[] = {
    "lockstep context add staging --address db1:7411 --address db2:7411"};
inline constexpr const char* kContextRemoveExamples[] = {"lockstep context remove staging"};
inline constexpr const char* kCompletionExamples[] = {"lockstep completion bash"};
inline constexpr const char* kVersionExamples[] = {"lockstep version"};

}  // namespace lockstep::ctl::flags

#endif  // LOCKSTEP_CTL_COMMAND_FLAGS_H_
