/*
 * A rolling deploy: does everybody get where he wants to be?
 *
 * Chain: 1 expand (has run), 2 contract, 3 expand. The old build (instance 0) needs 1 and uses what contract 2 removes; the new
 * build (instance 1) needs 3 and is adapted to 2. The deploy stops the old instance only when the new one serves. The leader wants
 * both migrations to run. Migrations, grants and admissions are single steps here (run.pml takes them apart).
 *
 * No step can be repeated for ever (faults, deadlines and crashes have budgets) and every process ends only at its goal, so the
 * absence of an invalid end state means: whatever the order of events, 3 runs, the new build serves, the old one is stopped, 2 runs.
 * To be verified WITHOUT -E.
 *
 * Mutations: LANEINLINE, NEEDSCONTRACT, BARRIERALL. CONFLICT is a limit of the protocol, not a mutation: if 3 itself conflicts with 2
 * the new build cannot be rolled out in one step; with CONFLICT + TWOSTEP (the new build does not need 3 yet) it can.
 */
#ifndef FAULTS
#define FAULTS 2                       /* runs that are revoked or fail */
#endif
#ifndef LIFTS
#define LIFTS 2                        /* barriers that reach their deadline; the last one is held */
#endif
#ifndef CRASHES
#define CRASHES 1                      /* crashes of the old instance, each followed by one attempt to start again */
#endif

byte applied = 1, inflight = 0, barrier = 0;
bool done = 0;                         /* contract 2 */
bool session[2], serving[2];
bool retired = 0;                      /* the deploy does not want instance 0 any more */
byte faults = 0, lifts = 0, crashes = 0;

#ifdef TWOSTEP
#define NEED 1
#else
#define NEED 3
#endif
#define ADAPTED(i) ((i)==0 -> 0 : 2)
#define CONCERNS(i) (ADAPTED(i) < 2)
#define CLOSED (done || inflight==2 || barrier==2)
#ifdef BARRIERALL                      /* a barrier stops everybody, not only those whom the contract concerns */
#define CLOSEDFOR(i) ((CLOSED && CONCERNS(i)) || barrier==2)
#else
#define CLOSEDFOR(i) (CLOSED && CONCERNS(i))
#endif
#ifdef NEEDSCONTRACT                   /* a build is said to need the contracts it was built with */
#define HASALL (applied >= NEED && done)
#else
#define HASALL (applied >= NEED)
#endif
#if defined(LANEINLINE) || defined(CONFLICT)
#define HELDUP (!done)                 /* the one line: 3 waits behind 2; or it has to, because the two conflict */
#else
#define HELDUP 0
#endif

proctype Leader() {
  do
  :: atomic { inflight==0 && applied==1 && !HELDUP -> inflight = 3 }
  :: atomic { inflight==3 -> inflight = 0; applied = 3 }
  :: atomic { inflight!=0 && faults<FAULTS -> inflight = 0; faults++ }
  :: atomic { barrier==0 && !done -> barrier = 2 }
  :: atomic { barrier==2 && inflight!=2 && lifts<LIFTS -> barrier = 0; lifts++ }
  :: atomic { barrier==2 && inflight==0 && !(session[0] && CONCERNS(0)) && !(session[1] && CONCERNS(1)) -> inflight = 2 }
  :: atomic { inflight==2 -> inflight = 0; done = 1; barrier = 0 }
  :: applied==3 && done && inflight==0 -> break
  od }

proctype New() {
  atomic { HASALL && !CLOSEDFOR(1) -> session[1] = 1 };
  serving[1] = 1 }

proctype Old() {
  do
  :: atomic { serving[0] && !retired && crashes<CRASHES -> serving[0] = 0; session[0] = 0; crashes++ }
  :: atomic { !serving[0] && !retired && !CLOSEDFOR(0) -> session[0] = 1; serving[0] = 1 }   /* refused while draining: may wait */
  :: atomic { retired -> serving[0] = 0; session[0] = 0; break }
  od }

proctype Deploy() { atomic { serving[1] -> retired = 1 } }

hidden byte I7_broken, goal_reached;
#ifdef REACHSKIP
#define GOAL (applied==3 && !done && barrier==2 && serving[0] && serving[1])
#elif defined(REACH)
#define GOAL (applied==3 && done && serving[1] && !serving[0])
#else
#define GOAL 0
#endif
active proctype Monitor() {
end:
  atomic {
    (serving[0] && done) || (serving[1] && applied<NEED) || (GOAL) ->
    if
    :: (GOAL) -> assert(goal_reached)
    :: else -> assert(I7_broken)
    fi } }

init { atomic { serving[0] = 1; session[0] = 1; run Leader(); run New(); run Old(); run Deploy() } }
