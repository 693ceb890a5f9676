#include "ctl/command.h"

#include "ctl/command_flags.h"
#include "ctl/commands.h"

namespace lockstep::ctl {
namespace {

using namespace flags;  // NOLINT: the other half of this table.

// In the order in which `lockstep --help` lists them: as they are used in a release.
constexpr Command kCommands[] = {
    {.name = "status",
     .summary = "Show the whole fleet: chain, running upgrade, services, blockers",
     .text = "Shows who leads, which version is applied, what is pending, what runs, and for\n"
             "each service whether its instances may serve; the worst first. With SERVICE: its\n"
             "instances, one a line, with the reason and the next step of each. --watch draws\n"
             "the picture anew on a terminal and prints one block a change elsewhere; with\n"
             "-o json one object a line.",
     .flags = kStatusFlags,
     .argument = "SERVICE",
     .examples = kStatusExamples,
     .run = RunStatus},
    {.name = "init",
     .summary = "Make the folders and files of a project",
     .text = "Makes DIR/migrations (default: here) with chain.sum and the folders backfills and\n"
             "models. What is there already is left alone. Needs no coordinator.",
     .flags = kInitFlags,
     .argument = "DIR",
     .examples = kInitExamples,
     .run = RunInit},
    {.name = "setup",
     .summary = "Create schema lockstep, its roles and grants in a database",
     .text =
         "Creates what is missing and grants what is needed; may be repeated. Where lockstep's\n"
         "own roles cannot be created, everything belongs to the connecting role (single-role\n"
         "mode), and it says so. Speaks to PostgreSQL itself; needs no coordinator.",
     .flags = kSetupFlags,
     .examples = kSetupExamples,
     .run = RunSetup},
    {.name = "new",
     .summary = "Begin the next migration, or a backfill",
     .text =
         "Makes the file of the next migration, NNN_title.sql, with a comment that explains the\n"
         "directives, and rewrites chain.sum. Prints the file's path. Needs no coordinator.",
     .flags = kNewFlags,
     .argument = "TITLE",
     .argument_required = true,
     .argument_words = true,
     .examples = kNewExamples,
     .run = RunNew},
    {.name = "sum",
     .summary = "Rewrite chain.sum after migrations were added or edited",
     .text =
         "Writes chain.sum beside the migrations: one line a version with its digest and chain\n"
         "hash, so that two branches that both add a migration conflict in git. Needs no\n"
         "coordinator. Commit the result.",
     .flags = kSumFlags,
     .examples = kSumExamples,
     .run = RunSum},
    {.name = "check",
     .summary = "Check migrations, chain.sum and service files",
     .text = "Reads every migration, backfill and service file and compares chain.sum with them.\n"
             "Findings are listed, and the exit code is 3. Needs a coordinator only with --remote.",
     .flags = kCheckFlags,
     .examples = kCheckExamples,
     .run = RunCheck},
    {.name = "lint",
     .summary = "Say what migrations lock, rewrite and break before they run",
     .text = "Judges each statement against what exists when it runs: the tables that the files\n"
             "before it make, or the live catalog with --database. What a file creates itself\n"
             "can hurt nobody. Without FILE all files that are not applied are judged; a file\n"
             "named may also be none of the chain. Backfills are judged with it, and service\n"
             "files beside the migrations: whether what they use exists. Errors exit with 3, but\n"
             "not those that only wait for the fleet. lint.yaml beside the migrations sets\n"
             "fail-on, postgres and the severity of rules. -o may also be text, sarif or github.",
     .flags = kLintFlags,
     .argument = "FILE",
     .argument_list = true,
     .formats = kLintFormats,
     .examples = kLintExamples,
     .run = RunLint},
    {.name = "attest",
     .summary = "Raise adapted_to in a service's file, after showing what that gives up",
     .text = "Lists what the contracts up to N take away, asks whether the code of SERVICE uses none\n"
             "of it any more, and writes adapted_to: N into its lockstep.yaml. Comments and layout\n"
             "stay; what is written is never lowered (5). Reads the migrations directory; needs no\n"
             "coordinator. Commit the file with the change of the code.",
     .flags = kAttestFlags,
     .argument = "SERVICE N",
     .argument_required = true,
     .argument_count = 2,
     .examples = kAttestExamples,
     .run = RunAttest},
    {.name = "publish",
     .summary = "Append new migrations to the published chain",
     .text =
         "Sends the migrations that are not published yet, all or none. Refuses when chain.sum\n"
         "does not match the files, and when the published chain has other content at a version\n"
         "that this directory has too. Publishing what is published already does nothing.",
     .flags = kPublishFlags,
     .examples = kPublishExamples,
     .run = RunPublish},
    {.name = "plan",
     .summary = "Show what an upgrade would do, without doing it",
     .text =
         "Lists the migrations that an upgrade would run, in order, with their phase, how many\n"
         "statements they have, and what would be left waiting and why.",
     .flags = kPlanFlags,
     .examples = kPlanExamples,
     .run = RunPlan},
    {.name = "upgrade",
     .summary = "Bring the database to a version and follow it with progress",
     .text =
         "Plans, asks when a person is at the terminal, starts exactly that plan and follows it.\n"
         "Ctrl-C only detaches: the upgrade goes on, and the command that re-attaches is printed.\n"
         "Contracts are left waiting on a database that serves a fleet; --contracts runs those\n"
         "that concern nobody who is registered. `contract N` also looks for other clients.\n"
         "--direct needs no coordinator and no agent: it publishes the migrations directory and\n"
         "applies it, with the same leases and history. It waits for another direct upgrade, and\n"
         "refuses (8) while a coordinator leads. Ctrl-C then rolls the running migration back.\n"
         "A migration that does not get its lock within half a second lets others pass and tries\n"
         "again for up to half an hour; who is in the way is shown.",
     .flags = kUpgradeFlags,
     .examples = kUpgradeExamples,
     .run = RunUpgrade},
    {.name = "contract",
     .summary = "Run one waiting contract once nobody needs the old shape",
     .text =
         "Runs the waiting contract N, and nothing else. Refuses, and names everybody, when an\n"
         "instance or a pinned build still needs what it removes, or a client that nobody has\n"
         "declared may use it. --when-drained waits instead: a barrier lets no more of them in,\n"
         "and the contract runs by itself when the last one has left. Upgrades run meanwhile.\n"
         "At the deadline, or when the operation is cancelled, the barrier is lifted. Ctrl-C\n"
         "only detaches.",
     .flags = kContractFlags,
     .argument = "N",
     .argument_required = true,
     .examples = kContractExamples,
     .run = RunContract},
    {.name = "blockers",
     .summary = "Show who is in the way of contracts",
     .text =
         "Shows of the contract N, or of each that has not run, what it touches, its barrier,\n"
         "whom it concerns by service and build, worst first, the connections that no instance\n"
         "answers for, and what to type next. -o wide tells more of each.",
     .argument = "N",
     .formats = kWideFormats,
     .examples = kBlockersExamples,
     .run = RunBlockers},
    {.name = "can-deploy",
     .summary = "Say whether a build would start, before it is deployed",
     .text =
         "Asks the gate for a build of SERVICE that need not run: 0 it starts now, 3 it starts\n"
         "after the pending upgrade, 5 it will not start, with the contract that shuts it out,\n"
         "when that ran, and which build would start. Contracts that would shut it out later are\n"
         "told too. The build is what --build-file and --chain-sum declare (default:\n"
         "services/SERVICE/lockstep.yaml here), or --build B of one that runs, ran lately or is\n"
         "pinned. It promises nothing: what keeps a build deployable is `lockstep pins add`.",
     .flags = kCanDeployFlags,
     .argument = "SERVICE",
     .argument_required = true,
     .examples = kCanDeployExamples,
     .run = RunCanDeploy},
    {.name = "override contract",
     .summary = "Let a contract run although it breaks live instances",
     .text =
         "Shows exactly which instances and pins contract N would break, and a token over that\n"
         "list; nothing is changed. With --confirm TOKEN and --reason it is recorded that the\n"
         "contract may run all the same, for a while and for these alone: had anybody come or\n"
         "gone meanwhile it is refused (8), and who comes later holds the contract up again.\n"
         "`lockstep contract N` then runs it. Nothing else is skipped.",
     .flags = kOverrideFlags,
     .argument = "N",
     .argument_required = true,
     .examples = kOverrideExamples,
     .run = RunOverrideContract},
    {.name = "wait",
     .summary = "Wait for a version, a service's gate or an operation",
     .text = "Returns once version N is applied, once all instances of a service may serve, or "
             "once an\n"
             "operation has ended. Says on standard error why not yet, whenever that changes.",
     .flags = kWaitFlags,
     .examples = kWaitExamples,
     .run = RunWait},
    {.name = "history",
     .summary = "List the published migrations and when they were applied",
     .text =
         "Lists every published migration: its phase and state, when it was applied, how long it\n"
         "took, by which instance, and how it got into the history.",
     .examples = kHistoryExamples,
     .run = RunHistory},
    {.name = "operations list",
     .summary = "List operations, newest first",
     .text = "Lists what release tooling asked for: upgrades that run and that have ended.",
     .flags = kListFlags,
     .examples = kListExamples,
     .run = RunOperationsList},
    {.name = "operations get",
     .summary = "Show one operation",
     .text = "Shows where one operation stands, what became of its newest runs and who was in\n"
             "their way, and why it failed when it did.",
     .argument = "ID",
     .argument_required = true,
     .examples = kGetExamples,
     .run = RunOperationsGet},
    {.name = "operations watch",
     .summary = "Follow an operation to its end, again or from elsewhere",
     .text = "Shows progress as `lockstep upgrade` does, and ends as it does: 0 when the\n"
             "target is reached, 1 when a migration failed, 5 when one is blocked. Ctrl-C only\n"
             "detaches. With -o json or jsonl each state is one JSON object on a line.",
     .argument = "ID",
     .argument_required = true,
     .examples = kWatchExamples,
     .run = RunOperationsWatch},
    {.name = "operations pause",
     .summary = "Hold an operation between two migrations",
     .text = "The migration that runs commits, the next one does not begin, and nobody is\n"
             "granted a run until the operation is resumed or cancelled; restarts and changes\n"
             "of leader do not change that. Pausing an operation that is paused or has ended\n"
             "changes nothing.",
     .flags = kHoldFlags,
     .argument = "ID",
     .argument_required = true,
     .examples = kPauseExamples,
     .run = RunOperationsPause},
    {.name = "operations resume",
     .summary = "Let a paused operation go on",
     .text = "Lets a paused operation go on where it stopped. Resuming an operation that is\n"
             "not paused changes nothing.",
     .flags = kHoldFlags,
     .argument = "ID",
     .argument_required = true,
     .examples = kResumeExamples,
     .run = RunOperationsResume},
    {.name = "operations retry",
     .summary = "Let an operation that failed or was cancelled go on",
     .text = "Lets an operation that failed or was cancelled go on where it stopped, under its\n"
             "own id: what is committed stays, and what failed before is not held against it.\n"
             "Retrying an operation that runs or has succeeded changes nothing.",
     .flags = kHoldFlags,
     .argument = "ID",
     .argument_required = true,
     .examples = kRetryExamples,
     .run = RunOperationsRetry},
    {.name = "operations cancel",
     .summary = "Ask an operation to stop",
     .text =
         "Asks an operation to stop. What is committed stays; the migration that runs is rolled\n"
         "back. Cancelling an operation that has ended changes nothing.",
     .flags = kCancelFlags,
     .argument = "ID",
     .argument_required = true,
     .examples = kCancelExamples,
     .run = RunOperationsCancel},
    {.name = "backfill list",
     .summary = "List the data jobs and how far each is",
     .text = "Lists the published backfills: where each stands, rows, rate, how long it will\n"
             "take, how far replicas are behind, and why it stands still if it does.",
     .flags = kBackfillListFlags,
     .examples = kBackfillListExamples,
     .run = RunBackfillList},
    {.name = "backfill get",
     .summary = "Show one backfill",
     .text = "Shows all that is known of one backfill; of one whose verification found rows\n"
             "left, how many, some of them, and the query that shows them.",
     .flags = kBackfillListFlags,
     .argument = "NAME",
     .argument_required = true,
     .examples = kBackfillGetExamples,
     .run = RunBackfillGet},
    {.name = "backfill start",
     .summary = "Start a backfill, or let one go on that failed or was cancelled",
     .text = "Agents with a migrator connection share its ranges of keys. One that is finished\n"
             "stays so unless --again. With --wait: follows it, and exits 5 when it fails.\n"
             "--direct needs no coordinator and no agent: it publishes the migrations directory\n"
             "and works on this one job to its end. It waits for another direct run, and refuses\n"
             "(8) while a coordinator leads. Ctrl-C pauses the job; the same command goes on.",
     .flags = kBackfillStartFlags,
     .argument = "NAME",
     .argument_required = true,
     .examples = kBackfillStartExamples,
     .run = RunBackfillStart},
    {.name = "backfill pause",
     .summary = "Hold a backfill behind the batch that runs",
     .text = "It stands still until it is resumed or cancelled, whoever restarts meanwhile.",
     .flags = kHoldFlags,
     .argument = "NAME",
     .argument_required = true,
     .examples = kBackfillPauseExamples,
     .run = RunBackfillPause},
    {.name = "backfill resume",
     .summary = "Let a paused backfill go on",
     .text = "Lets it go on behind its cursor. One that is not paused stays as it is.",
     .flags = kHoldFlags,
     .argument = "NAME",
     .argument_required = true,
     .examples = kBackfillResumeExamples,
     .run = RunBackfillResume},
    {.name = "backfill rate",
     .summary = "Change how fast, when and how carefully a backfill runs",
     .text = "From its next batch on. What is not given stays as it was; --reset goes back to\n"
             "what the file says. --ignore names a throttle: replica, slots, archive, wal-rate,\n"
             "autovacuum, dead-tuples, active-sessions, lock-wait, transaction, query, window.",
     .flags = kBackfillRateFlags,
     .argument = "NAME",
     .argument_required = true,
     .examples = kBackfillRateExamples,
     .run = RunBackfillRate},
    {.name = "backfill cancel",
     .summary = "End a backfill",
     .text = "What is done stays, and `backfill start` goes on from there. What needs it waits.",
     .flags = kHoldFlags,
     .argument = "NAME",
     .argument_required = true,
     .examples = kBackfillCancelExamples,
     .run = RunBackfillCancel},
    {.name = "dev",
     .summary = "Run a private database that follows the migrations while you write",
     .text = "Starts a PostgreSQL of its own from the installed binaries, a coordinator and\n"
             "an agent, applies the migrations, and goes on doing so when a file changes.\n"
             "chain.sum follows. A migration that has not run, such as one that failed, may be\n"
             "edited; for one that has run the answer is a new migration, or --reset. The\n"
             "database stays in .lockstep/dev for the next start. Other commands find this\n"
             "coordinator by themselves in the project. Ctrl-C stops everything. With -o json\n"
             "one line tells that it is ready.",
     .flags = kDevFlags,
     .examples = kDevExamples,
     .run = RunDev},
    {.name = "instances",
     .summary = "List the registered instances of all services, or of one",
     .text = "Lists every instance that has not ended: its build, the versions it needs and\n"
             "is adapted to, its gate with the reason, how it was admitted, and when it was\n"
             "last heard from. --concerned-by N lists those that contract N concerns, and why.",
     .flags = kInstancesFlags,
     .argument = "SERVICE",
     .examples = kInstancesExamples,
     .run = RunInstances},
    {.name = "instances get",
     .summary = "Show all that is known of one instance",
     .text = "Shows one instance, by its name or its session id, a fact a line. Two services\n"
             "may have instances of one name; then both are shown.",
     .argument = "ID",
     .argument_required = true,
     .examples = kInstancesGetExamples,
     .run = RunInstancesGet},
    {.name = "instances evict",
     .summary = "State that the process of a silent instance is gone, so that it ends",
     .text =
         "A suspect instance counts until it is known to be gone. --attest is your word for it;\n"
         "who, when and why is kept. The session ends once no database connection of it was\n"
         "seen for two session TTLs (a minute), and the command waits for that. What would\n"
         "end is shown first. One that is connected is refused (5); one that comes back\n"
         "counts again. A wrong word breaks a running instance when a contract follows.",
     .flags = kEvictFlags,
     .argument = "SERVICE INSTANCE",
     .argument_required = true,
     .argument_count = 2,
     .examples = kEvictExamples,
     .run = RunInstancesEvict},
    {.name = "pins",
     .summary = "List the builds that count as live although none of them runs",
     .text = "Lists the pins of all services, or of one: what each build needs and is adapted to,\n"
             "when the pin ends, who made it and why.",
     .argument = "SERVICE",
     .examples = kPinsExamples,
     .run = RunPins},
    {.name = "pins add",
     .summary = "Keep a build deployable for a while",
     .text =
         "A pinned build counts as a live instance: no contract that concerns it runs until the\n"
         "pin has ended, so that one can go back to it. What it declares is taken from an\n"
         "instance of it that runs or ran lately, or from --build-file and --chain-sum. Pinning\n"
         "it again replaces the pin. Refused (5) when it could not start any more, or while the\n"
         "fleet drains for a contract that concerns it. Needs --build and --reason.",
     .flags = kPinsAddFlags,
     .argument = "SERVICE",
     .argument_required = true,
     .examples = kPinsAddExamples,
     .run = RunPinsAdd},
    {.name = "pins retire",
     .summary = "Say that a build will not run again, which ends its pin",
     .text =
         "Ends the pin of a build. Instances of it that count are listed and count on: they end\n"
         "by their goodbye, or by `lockstep instances evict`. A retired build that starts all the\n"
         "same is judged at the gate as any other. Needs --build and --reason.",
     .flags = kPinsRetireFlags,
     .argument = "SERVICE",
     .argument_required = true,
     .examples = kPinsRetireExamples,
     .run = RunPinsRetire},
    {.name = "leases",
     .summary = "Show who may apply migrations now, and what became of earlier runs",
     .text = "Lists the runs that were granted, newest first: the one that is held right now,\n"
             "and how the others ended. The secret half of a lease is never shown.",
     .flags = kLeasesFlags,
     .examples = kLeasesExamples,
     .run = RunLeases},
    {.name = "events",
     .summary = "Show what changed the state, in order",
     .text = "Prints the event log, oldest first. Every event has a sequence number without\n"
             "gaps, so that --after the last one seen goes on where an earlier call ended.\n"
             "--follow leaves out nothing, also over lost connections; without --after it\n"
             "begins with the newest ten.",
     .flags = kEventsFlags,
     .examples = kEventsExamples,
     .run = RunEvents},
    {.name = "audit list",
     .summary = "Show what people decided: who, what and why",
     .text = "Lists the decisions of people, newest first: operations started, paused and\n"
             "cancelled, pins, overrides, attestations. Each was recorded in the transaction of\n"
             "its effect.",
     .flags = kAuditListFlags,
     .examples = kAuditListExamples,
     .run = RunAuditList},
    {.name = "audit verify",
     .summary = "Check that the record of decisions is what was written",
     .text = "Checks every record against the one before, and against the event log; 5 when one\n"
             "was changed or is missing. It prints the newest hash: kept elsewhere, and given to\n"
             "--expect later, it proves that nobody wrote all of the record anew.",
     .flags = kAuditVerifyFlags,
     .examples = kAuditVerifyExamples,
     .run = RunAuditVerify},
    {.name = "chain export",
     .summary = "Print the published chain.sum",
     .text = "Prints chain.sum as it is published, byte for byte the file that the newest\n"
             "publish was made from.",
     .examples = kExportExamples,
     .run = RunChainExport},
    {.name = "doctor",
     .summary = "Check coordinator, database, roles and clocks",
     .text =
         "Checks what an upgrade depends on, one line each: ok, warning or problem, with the next\n"
         "step. With --database also the connection that agents migrate with. Exits with 5 when\n"
         "there is a problem.",
     .flags = kDoctorFlags,
     .examples = kDoctorExamples,
     .run = RunDoctor},
    {.name = "context list",
     .summary = "List the named coordinators",
     .text = "Lists the contexts, and which one is in use. They are kept in a file of your own,\n"
             "$XDG_CONFIG_HOME/lockstep/contexts.json (~/.config when not set).",
     .examples = kContextListExamples,
     .run = RunContextList},
    {.name = "context use",
     .summary = "Use a named coordinator from now on",
     .text = "Makes NAME the coordinator of commands that name none.",
     .argument = "NAME",
     .argument_required = true,
     .examples = kContextUseExamples,
     .run = RunContextUse},
    {.name = "context add",
     .summary = "Name a coordinator",
     .text =
         "Keeps the addresses of --address under NAME, instead of those kept before. The first\n"
         "context is used at once.",
     .argument = "NAME",
     .argument_required = true,
     .examples = kContextAddExamples,
     .run = RunContextAdd},
    {.name = "context remove",
     .summary = "Forget a named coordinator",
     .text = "Forgets NAME.",
     .argument = "NAME",
     .argument_required = true,
     .examples = kContextRemoveExamples,
     .run = RunContextRemove},
    {.name = "completion",
     .summary = "Print a completion script for a shell",
     .text = "Prints a script for bash, zsh or fish that completes commands and flags.\n"
             "In ~/.bashrc:  eval \"$(lockstep completion bash)\"",
     .argument = "SHELL",
     .argument_required = true,
     .examples = kCompletionExamples,
     .run = RunCompletion},
    {.name = "version",
     .summary = "Print the version of this program",
     .text = "Prints the version of this program. Needs no coordinator.",
     .examples = kVersionExamples,
     .run = RunVersion},
};

}  // namespace

std::string Flag::long_name() const {
  const absl::string_view all = names;
  const size_t comma = all.find(',');
  return std::string(comma == absl::string_view::npos ? all : all.substr(comma + 1));
}

std::span<const Command> Commands() { return kCommands; }

std::span<const Flag> GlobalFlagTable() { return kGlobals; }

const Command* FindCommand(absl::string_view name) {
  for (const Command& command : kCommands) {
    if (name == command.name) return &command;
  }
  return nullptr;
}

}  // namespace lockstep::ctl
