/*
 * Who counts: sessions, admission, barrier, heartbeats, self-stop, expiry, leader change and settle.
 *
 * One contract, two instances that ask for admission, serve, heartbeat, stop or crash: instance 0 is concerned by the contract,
 * instance 1 is adapted to it. Both are `stop` services. A leader carries the contract through its lane, forgets everything in a
 * leader change and expires the sessions it does not hear from. run.pml covers what happens inside the run; here the
 * transactions of one rule are single steps: an admission holds KEY SHARE on the chain row from verdict to commit, and barrier
 * and grant change the key of that row.
 *
 * Durations are modelled by what they guarantee: a `stop` service has stopped itself before a leader has missed it for a TTL
 * (stop < TTL); an OPEN verdict has lapsed by then (A < TTL); a settled leader has waited for TTL + A, or has heard from everybody.
 *
 * An init container may ask for an instance before it starts: a reservation counts without being heard, until its row is expired, and
 * the instance takes over from it even while the contract is barriered. When its time is over (any time here) the row may be
 * expired, by a leader or in the grant of the contract.
 *
 * MEMREG: the gate counts the leader's memory instead of the durable rows. Not what lockstep does; it shows what settle protects.
 * Mutations: NOBARRIER, NOADMLOCK, NOCONCERN, NOSELFSTOP, NOVALIDITY, NOSETTLE, SETTLEBUG, EXPIREDIRECT, NOEXPIRE. README.md says what each breaks.
 */
#ifndef STARTS
#define STARTS 2                          /* times each instance asks for admission */
#endif
#ifndef CHANGES
#define CHANGES 1                         /* leader changes */
#endif
#ifndef BARRIERS
#define BARRIERS 2
#endif
#ifndef RESERVES
#define RESERVES 1                        /* reservations made for each instance */
#endif

#define WAITING   0
#define BARRIERED 1
#define INFLIGHT  2
#define DONE      3
byte lane = WAITING;                      /* state of contract 1 */
#define ADAPTED(i) (i)
#define CONCERNS(i) (ADAPTED(i) < 1)

bool session[2];                          /* durable row */
bool direct[2];                           /* row written by the SQL function without a leader (or through one that no longer leads) */
bool heard[2];                            /* in the leader's memory: heard from within a TTL */
bool admitted[2];                         /* has an OPEN verdict and has not turned ready yet */
bool serving[2];
bool reserved[2];                         /* durable row of an init container */
bool overdue[2];                          /* its time is over */
bool took_over;                           /* an instance was let in by its reservation while the fleet drained */
bool settled = 1;
byte changes = 0, barriers = 0;

hidden byte I7_broken, I8_broken, I9_broken, goal_reached;

#ifdef NOBARRIER
#define CLOSEDFOR(i) (lane==DONE && CONCERNS(i))
#define READY (lane==WAITING)
#else
#define CLOSEDFOR(i) (lane!=WAITING && CONCERNS(i))
#define READY (lane==BARRIERED)
#endif
#ifdef MEMREG
#define COUNTS(i) (heard[i] || HELD(i))
#else
#define COUNTS(i) (session[i] || HELD(i))
#endif
#define HELD(i) (reserved[i] && !overdue[i])
#ifdef NOCONCERN
#define BLOCKED 0
#else
#define BLOCKED ((COUNTS(0) && CONCERNS(0)) || (COUNTS(1) && CONCERNS(1)))
#endif
#ifdef NOSETTLE
#define SETTLED 1
#else
#define SETTLED settled
#endif
/* after TTL + A: whoever lives has been heard, everybody else has stopped and his verdict has lapsed */
#ifdef SETTLEBUG
#define QUIET(i) (!serving[i] || heard[i])
#else
#define QUIET(i) (!(serving[i] || admitted[i]) || heard[i])
#endif
/* a TTL without a heartbeat */
#ifdef NOSELFSTOP
#define SILENT(i) (heard[i] && !admitted[i])
#else
#define SILENT(i) (heard[i] && !admitted[i] && !serving[i])
#endif
#ifdef EXPIREDIRECT
#define EXPIRABLE(i) (session[i] && !heard[i] && SETTLED)
#else
#define EXPIRABLE(i) (session[i] && !heard[i] && SETTLED && !direct[i])
#endif

inline expire(i) {
  if
  :: reserved[i] && overdue[i] -> reserved[i] = 0; overdue[i] = 0
  :: else
  fi }
inline admit(i, known) { reserved[i] = 0; overdue[i] = 0; session[i] = 1; admitted[i] = 1; heard[i] = known; direct[i] = !known }

proctype Instance(byte id) {
  byte starts = 0, reserves = 0; bool open = 0;
  do
  :: atomic { reserves<RESERVES && starts<STARTS && !reserved[id] && !session[id] && !serving[id] && !admitted[id] ->
     reserves++;                                                                     /* its init container asks for it */
     if
     :: !CLOSEDFOR(id) -> reserved[id] = 1
     :: else
     fi }
  :: starts<STARTS && !serving[id] && !admitted[id] && !session[id] -> starts++;     /* asks for admission */
#ifdef NOADMLOCK
     open = !CLOSEDFOR(id) || reserved[id];
#endif
     atomic {
#ifndef NOADMLOCK
       open = !CLOSEDFOR(id) || reserved[id];
#endif
       if
       :: open ->
          if
          :: (lane==BARRIERED || lane==INFLIGHT) && CONCERNS(id) && !(reserved[id] && lane==BARRIERED) -> assert(I8_broken)
          :: lane==BARRIERED && CONCERNS(id) && reserved[id] -> took_over = 1
          :: else
          fi;
          if
          :: admit(id, 1)                                          /* through the leader */
#ifndef MEMREG
          :: admit(id, 0)                                          /* coordinator unreachable: the same SQL function */
#endif
          fi
       :: else
       fi;
       open = 0 }
  :: atomic { admitted[id] -> serving[id] = 1; admitted[id] = 0 }                    /* turns ready within A */
#ifndef NOVALIDITY
  :: atomic { admitted[id] -> admitted[id] = 0 }                                     /* A has passed: it may not turn ready any more */
#endif
  :: atomic { (serving[id] || admitted[id]) && session[id] -> heard[id] = 1; direct[id] = 0 }   /* heartbeat to the leader */
  :: atomic { serving[id] -> serving[id] = 0; session[id] = 0; heard[id] = 0; direct[id] = 0 }  /* goodbye */
  :: atomic { serving[id] -> serving[id] = 0 }                                       /* crash, or stopped itself */
  :: lane==DONE -> break
  :: starts>=STARTS && !serving[id] && !admitted[id] -> break
  od }

proctype Expiry(byte id) {                                                           /* one for each session */
  do
#ifdef NOVALIDITY
  :: atomic { heard[id] && !serving[id] -> heard[id] = 0 }
#else
  :: atomic { SILENT(id) -> heard[id] = 0 }
#endif
  :: atomic { EXPIRABLE(id) -> session[id] = 0; direct[id] = 0 }
  :: atomic { reserved[id] && !overdue[id] -> overdue[id] = 1 }
  :: atomic { reserved[id] && overdue[id] -> expire(id) }                              /* by a leader that keeps order */
  :: lane==DONE -> break
  od }

proctype Leader() {
  do
  :: atomic { changes<CHANGES -> changes++; heard[0] = 0; heard[1] = 0; settled = 0 }   /* another one takes over and knows nobody */
  :: atomic { !settled && QUIET(0) && QUIET(1) -> settled = 1 }
#ifndef NOBARRIER
  :: atomic { lane==WAITING && barriers<BARRIERS -> lane = BARRIERED; barriers++ }
  :: atomic { lane==BARRIERED -> lane = WAITING }                                       /* deadline */
#endif
  :: atomic { READY && SETTLED && !BLOCKED ->                                           /* gate query and grant */
#ifndef NOEXPIRE
     expire(0); expire(1);                                                              /* what it did not count cannot take over any more */
#endif
     lane = INFLIGHT }
  :: atomic { lane==INFLIGHT -> lane = DONE }
  :: atomic { lane==INFLIGHT && barriers<BARRIERS -> lane = WAITING }                   /* revoked, and the barrier lifted */
  :: lane==DONE -> break
  od }

#ifdef REACH
#define GOAL (lane==DONE && serving[1] && changes==CHANGES)
#elif defined(REACHEXPIRE)                /* a crashed session was expired by a leader that came later, and the contract ran */
#define GOAL (lane==INFLIGHT && changes==CHANGES && !session[0] && !serving[0] && serving[1])
#elif defined(REACHTAKEOVER)
#define GOAL (lane==DONE && took_over)
#else
#define GOAL 0
#endif
#define I7V(i) (!(serving[i] && CONCERNS(i) && lane==DONE))
#define I9V(i) (!(lane==INFLIGHT && COUNTS(i) && CONCERNS(i)))
active proctype Monitor() {
end:
  atomic {
    !(I7V(0) && I7V(1) && I9V(0) && I9V(1) && !(GOAL)) ->
    if
    :: !(I7V(0) && I7V(1)) -> assert(I7_broken)
    :: !(I9V(0) && I9V(1)) -> assert(I9_broken)
    :: (GOAL) -> assert(goal_reached)
    fi } }

init { atomic { run Leader(); run Instance(0); run Instance(1); run Expiry(0); run Expiry(1) } }
