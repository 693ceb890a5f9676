/*
 * The run lease and the contract lane of lockstep.
 *
 * One chain of three migrations is carried through by coordinators (grant, barrier, revoke, takeover), by database backends of
 * agents (open, statements, close) and, where the slice has them, by service instances (admission, serving, leaving). Every
 * `atomic` block is one database transaction, or the part of one between two points at which another party can interfere; the
 * locks that really serialise two parties are modelled as guards on who holds what, never by making the block larger.
 *
 * Slices (exactly one; they keep the state space small):
 *
 *   flag            chain                             coordinators  backends  instances
 *   FENCE + EXP3    1 expand, 2 expand, 3 expand      2             2         none
 *   FENCE + NTX3    1 expand, 2 expand, 3 non-trans.  2             2         none
 *   GATE            1 expand, 2 expand, 3 contract    1             1         0: needs 0, adapted to 2;  1: needs 1, adapted to 3
 *   GATE + NTXC     the same; contract 3 is non-transactional (DROP INDEX CONCURRENTLY)
 *   LANE            1 expand, 2 contract, 3 expand    1             1         0: needs 0, adapted to 0;  1: needs 3, adapted to 2
 *   LANE + CONFLICT the same, and 3 conflicts with contract 2
 *   LANE2           1 expand, 2 contract, 3 contract  1             1         0: needs 0, adapted to 0;  1: needs 1, adapted to 2
 *
 * TAKEOVER adds the second coordinator and ZOMBIE the second backend to a slice with instances.
 *
 * Two backends may hold the same token (an orphan and its successor) or different ones (a zombie and the present holder).
 *
 * GROUP lets a backend open its version together with those that follow it in the run, and close them in one transaction. Which
 * versions may share one, and that the database was never served, only restricts when that `open` succeeds; it is left out.
 *
 * Mutations take one rule away; README.md says what each must break. REACH* turn a goal into an assertion, which must then fail.
 */

/* ---- bounds ---- */
#ifndef TOKENS
#define TOKENS 2                /* times a backend learns a token */
#endif
#ifndef TRIES
#define TRIES (TOKENS+2)        /* times a backend calls open */
#endif
#ifndef GRANTS
#define GRANTS 2
#endif
#ifndef REVOKES
#define REVOKES 2
#endif
#ifndef BARRIERS
#define BARRIERS 2
#endif
#ifndef STARTS
#define STARTS 2                /* times each instance asks for admission */
#endif

/* ---- chain ---- */
#define EXPAND   0
#define NONTX    1              /* non-transactional and not a contract: CREATE INDEX CONCURRENTLY stands for all */
#define CONTRACT 2

#if defined(LANE)
#define KIND(v) ((v)==2 -> CONTRACT : EXPAND)
#define PREV(v) ((v)==3 -> 1 : (v)-1)              /* newest non-contract below v */
#define NEXT(v) ((v)==0 -> 1 : ((v)<3 -> 3 : 0))   /* oldest non-contract above v, 0: none */
#elif defined(LANE2)
#define KIND(v) ((v)>=2 -> CONTRACT : EXPAND)
#define PREV(v) ((v)==1 -> 0 : 1)
#define NEXT(v) ((v)==0 -> 1 : 0)
#elif defined(GATE)
#define KIND(v) ((v)==3 -> CONTRACT : EXPAND)
#define PREV(v) ((v)-1)
#define NEXT(v) ((v)<2 -> (v)+1 : 0)
#else
#ifdef NTX3
#define KIND(v) ((v)==3 -> NONTX : EXPAND)
#else
#define KIND(v) EXPAND
#endif
#define PREV(v) ((v)-1)
#define NEXT(v) ((v)<3 -> (v)+1 : 0)
#endif
#if defined(GATE) || defined(LANE) || defined(LANE2)
#define HASCONTRACT
#endif

#if defined(NTX3) || defined(NTXC)
#define HASNONTX
#define NONTRANS(v) ((v)==3)
#else
#define NONTRANS(v) 0
#endif

#define BIT(n) (1<<(n))
#define CLEAR(set,n) set = set & (255-BIT(n))
#define IN(set,n) ((set & BIT(n)) != 0)

/* ---- builds: what they need, which contracts their code is adapted to ---- */
#if defined(LANE)
#define NEEDS(i)   ((i)==0 -> 0 : 3)
#define ADAPTED(i) ((i)==0 -> 0 : 2)
#elif defined(LANE2)
#define NEEDS(i)   (i)
#define ADAPTED(i) ((i)==0 -> 0 : 2)
#else
#define NEEDS(i)   (i)
#define ADAPTED(i) ((i)==0 -> 2 : 3)
#endif
/* contract c concerns the build of instance i unless adapted_to >= c */
#define CONCERNS(c,i) ((c)!=0 && KIND(c)==CONTRACT && ADAPTED(i) < (c))
#define DONECONCERNS(set,i) ((IN(set,2) && CONCERNS(2,i)) || (IN(set,3) && CONCERNS(3,i)))

/* ---- database ---- */
#define IDLE     0
#define HELD     1
#define REVOKING 2
#define ABSENT   0
#define INVALID  1
#define VALID    2
byte leaderepoch = 1;                            /* row leader */
byte applied = 0, inflight = 0, barrier = 0;     /* row chain; applied counts non-contracts only */
byte finished = 0;                               /* contracts in state done */
byte epoch = 1, first = 0, last = 0, lease = IDLE;  /* row lease; epoch stands for the pair (epoch, lease_id) */
byte hist = 0;                                   /* history rows */
byte effect = 0;                                 /* transactional migrations whose changes are committed */
byte index = ABSENT;                             /* what the non-transactional migration does: nothing yet, half, all */
bool session[2];                                 /* countable session rows */
/* locks and backends */
byte keyshare = 0;                               /* backends with FOR KEY SHARE on the lease row */
byte opened = 0;                                 /* backends that inserted the singleton row `opened` */
byte admitting = 0;                              /* instances whose admission transaction holds KEY SHARE on the chain row */
byte advisory = 0;                               /* backend + 1 that holds the advisory lock */
byte alive = 0;                                  /* backends in a transaction, or with the advisory lock */
byte executing = 0;                              /* backends that run a migration's statements now */
/* processes outside the database */
bool serving[2];
byte grants = 0, revokes = 0, barriers = 0;
/* ghosts: what must be the case, kept by the steps that are allowed to change it; they add no states to the correct model */
byte standing = 0;                               /* contract whose barrier was set and neither lifted nor used up */
byte granted = 0;                                /* contracts granted and neither closed nor revoked */
bool again = 0;                                  /* a migration was committed that had been before */

/* ---- rules that a mutation can take away ---- */
/* 3: every leader write asks for its own epoch under KEY SHARE */
#ifdef NOLFENCE
#define LEADS 1
#else
#define LEADS (leaderepoch==mine)
#endif
/* 4, revoke and grant: the key update of the lease row waits for the KEY SHARE that open took */
#ifdef NOFENCE
#define HOLDERGONE 1
#else
#define HOLDERGONE (keyshare==0)
#endif
/* 4, grant and barrier: the key update of the chain row waits for admissions */
#ifdef NOGATEWAIT
#define ADMISSIONSGONE 1
#else
#define ADMISSIONSGONE (admitting==0)
#endif
/* 4, grant: WHERE inflight IS NULL, lease idle */
#ifdef TWOCONTRACTS
#define FREE(c) 1                                /* as if each contract had a lease of its own */
#else
#define FREE(c) (inflight==0 && lease==IDLE)
#endif
/* 6, gate query: no countable session that c concerns */
#define BLOCKED(c) ((session[0] && CONCERNS(c,0)) || (session[1] && CONCERNS(c,1)))
#if defined(NOCONCERN)
#define GATEEMPTY(c) 1
#elif defined(STALESNAP)
#define GATEEMPTY(c) (!IN(stale,c))          /* answer of a snapshot taken before the wait */
#else
#define GATEEMPTY(c) (!BLOCKED(c))
#endif
#ifdef NOBARRIER
#define BARRIERED(c) 1
#else
#define BARRIERED(c) (barrier==(c))
#endif
/* 6, lane: a non-contract waits for an earlier contract only if the two conflict */
#if defined(LANE) && ((defined(CONFLICT) && !defined(NOLANECONFLICT)) || defined(LANEINLINE))
#define HELDUP(v) ((v)==3 && !IN(finished,2))
#else
#define HELDUP(v) 0
#endif
/* 4, open: the token is current and the version is in the run (LS001) */
#ifdef NOFENCE
#define OPENTOKEN 1
#else
#define OPENTOKEN (epoch==token && lease==HELD && v>=first && v<=last)
#endif
/* 4, open: the version is the next one (LS004); for a contract: its turn has come and it has not run */
#ifdef NOORDER
#define OPENORDER 1
#else
#define OPENORDER (KIND(v)==CONTRACT -> (applied>=PREV(v) && !IN(finished,v)) : applied==PREV(v))
#endif
/* 4, open: primary key of `opened` */
#ifdef NOEXCL
#define OPENALONE 1
#else
#define OPENALONE (opened==0)
#endif
/* 4, open: a contract is always the whole run */
#ifdef LANEOPEN
#define OPENWHOLE (KIND(v)!=CONTRACT || inflight==v || barrier==v)
#else
#define OPENWHOLE (KIND(v)!=CONTRACT || (first==v && last==v && inflight==v))
#endif
/* 4, open: gate query once more (LS005) */
#ifdef NOOPENGATE
#define OPENGATE 1
#else
#define OPENGATE (KIND(v)!=CONTRACT || !BLOCKED(v))
#endif
/* 4, close: token still current */
#ifdef NOCLOSECHK
#define CLOSETOKEN 1
#else
#define CLOSETOKEN (epoch==token && lease==HELD)
#endif
/* 4, close: history primary key, applied moves from the expected predecessor */
#define CLOSEORDER (!IN(hist,v) && (KIND(v)==CONTRACT || applied==PREV(v)))
/* P5: advisory lock by try-lock */
#ifdef NOADV
#define ADVISORYFREE 1
#else
#define ADVISORYFREE (advisory==0)
#endif
/* 6, admission */
#ifdef NOINFL
#define INFLIGHTCONCERNS(i) 0
#else
#define INFLIGHTCONCERNS(i) CONCERNS(inflight,i)
#endif
#ifdef STALEDONE
#define DONESEEN known                           /* read before the chain row was locked */
#else
#define DONESEEN finished
#endif
#define COMPATIBLE(i) (NEEDS(i) <= applied && !DONECONCERNS(DONESEEN,i) && !INFLIGHTCONCERNS(i) && !CONCERNS(barrier,i))

/* ---- invariants ---- */
#define ROW(v) IN(hist,v)
#define I1V(v) (KIND(v)==CONTRACT -> ROW(v)==IN(finished,v) : ROW(v)==((v)<=applied))
#define I1 (I1V(1) && I1V(2) && I1V(3))
#define I2V(v) (NONTRANS(v) -> (!ROW(v) || index==VALID) : ROW(v)==IN(effect,v))
#define I2 (I2V(1) && I2V(2) && I2V(3) && !again)
#define ONE(set) ((set & (set-1)) == 0)
#define I4 (executing==0 || ONE(executing))
/* an instance that serves may be concerned by a barriered contract (it is what drains), not by one in flight or done */
#ifdef NTXC
#define HALFDONE (index!=ABSENT)
#else
#define HALFDONE 0
#endif
#define I7V(i) (!serving[i] || (NEEDS(i) <= applied && !DONECONCERNS(finished,i) && !(HALFDONE && CONCERNS(3,i))))
#define I7 (I7V(0) && I7V(1))
#define I9 (inflight==0 || KIND(inflight)!=CONTRACT || !BLOCKED(inflight))
#define I12 (granted==0 || ONE(granted))
#define BARRIERKEPT (barrier==standing)
#define INFLIGHTKEPT ((lease==IDLE) == (inflight==0))     /* else the chain is wedged, or a run is invisible to admissions */
#if defined(LANE) && defined(CONFLICT)
#define CONFLICTKEPT (!ROW(3) || IN(finished,2))
#else
#define CONFLICTKEPT 1
#endif
#if defined(REACHSKIP)          /* 3 has run and the new build serves while contract 2 waits for the old build, which serves */
#define GOAL (applied==3 && finished==0 && serving[0] && serving[1])
#elif defined(REACHBOTH)        /* both contracts done */
#define GOAL (IN(finished,2) && IN(finished,3))
#elif defined(REACHLIFT)        /* a contract in flight whose barrier was lifted, another one barriered */
#define GOAL (inflight==2 && barrier==3)
#elif defined(REACH)            /* everything has run */
#define GOAL (ROW(1) && ROW(2) && ROW(3))
#else
#define GOAL 0
#endif
/* names for the verifier's output: always 0, an assertion of one of them says which invariant broke */
hidden byte I1_broken, I2_broken, I3_broken, I4_broken, I5_broken, I7_broken, I8_broken, I9_broken, I12_broken,
  barrier_lost, inflight_wrong, conflict_overtaken, goal_reached;
#define CHECK(cond,name) if :: (cond) :: else -> assert(name) fi

/* a backend ends: its locks go with it; an unfinished concurrent build leaves an invalid index */
inline gone(b) {
  if
  :: IN(executing,b) && !IN(opened,b) && index==ABSENT -> index = INVALID
  :: else
  fi;
  CLEAR(executing,b); CLEAR(alive,b); CLEAR(keyshare,b); CLEAR(opened,b);
  if :: advisory==b+1 -> advisory = 0 :: else fi }

/* the leader terminates the blocker it found, or nobody (it may have the wrong idea of who holds) */
inline terminate() {
  if
  :: skip
  :: atomic { alive!=0 -> gone(0) }
#if defined(FENCE) || defined(ZOMBIE)
  :: atomic { alive!=0 -> gone(1) }
#endif
  fi }

inline take() { inflight = last; epoch++; lease = HELD; grants++ }
/* the non-transactional migration is recorded, by its agent or by the leader that adopts it */
inline record() {
  hist = hist | BIT(3);
  if
  :: KIND(3)==CONTRACT -> finished = finished | BIT(3);
     if :: barrier==3 -> barrier = 0; standing = 0 :: else fi
  :: else -> applied = 3
  fi }
inline idle() { lease = IDLE; inflight = 0; granted = 0; first = 0; last = 0 }

proctype Coordinator(byte id) {
  byte mine = 1, seen = 0;
#ifdef STALESNAP
  byte stale = 0;
#endif
  if :: id==1 -> mine = 0 :: else fi;             /* coordinator 1 acts only after a takeover, which may happen at any time */
  do
  :: atomic { mine==0 -> leaderepoch++; mine = leaderepoch }

  :: mine>0 && FREE(0) && grants<GRANTS ->        /* Grant: what it read may be old by the time it writes */
     atomic { seen = epoch;
#ifdef STALESNAP
       stale = (BLOCKED(2) -> BIT(2) : 0) | (BLOCKED(3) -> BIT(3) : 0)
#endif
     };
     atomic {
       !(LEADS && epoch==seen) || (ADMISSIONSGONE && HOLDERGONE);
       if
       :: LEADS && epoch==seen ->
          CHECK(leaderepoch==mine, I5_broken);
          if
          :: FREE(0) && inflight==0 && NEXT(applied)!=0 && KIND(NEXT(applied))==EXPAND && !HELDUP(NEXT(applied)) ->
             first = NEXT(applied); last = first; /* a run of consecutive non-contracts: it passes over a contract that waits */
             do
             :: NEXT(last)!=0 && KIND(NEXT(last))==EXPAND && !HELDUP(NEXT(last)) ->
                if :: last = NEXT(last) :: break fi
             :: else -> break
             od;
             take()
          :: FREE(0) && inflight==0 && NEXT(applied)!=0 && KIND(NEXT(applied))==NONTX ->
             first = NEXT(applied); last = first; take()
#ifdef HASCONTRACT
#ifndef GATE
          :: FREE(2) && BARRIERED(2) && applied>=PREV(2) && !IN(finished,2) && GATEEMPTY(2) ->
             first = 2; last = 2; take(); granted = granted | BIT(2)
#endif
#ifndef LANE
          :: FREE(3) && BARRIERED(3) && applied>=PREV(3) && !IN(finished,3) && GATEEMPTY(3) ->
             first = 3; last = 3; take(); granted = granted | BIT(3)
#endif
#endif
          :: else
          fi
       :: else
       fi;
       seen = 0;
#ifdef STALESNAP
       stale = 0
#endif
     }

  :: mine>0 && lease==HELD && revokes<REVOKES ->  /* Revoke: lease ran out, cancel, session ended; at any time */
     seen = epoch;
     terminate();
     atomic {
       if
       :: LEADS && lease==HELD && epoch==seen && HOLDERGONE ->
          CHECK(leaderepoch==mine, I5_broken);
          epoch++; revokes++;
          if
          :: NONTRANS(last) -> lease = REVOKING;
#ifdef EARLYCLR
             inflight = 0
#endif
          :: else ->
#ifdef NOINFLCLR
             lease = IDLE; granted = 0
#else
             idle()
#endif
          fi
       :: else                                    /* lock_timeout, or it has committed: look again */
       fi; seen = 0 }

#ifdef HASNONTX
  :: mine>0 && lease==REVOKING ->                 /* end the holder, take its lock oneself, inspect */
     terminate();
     atomic {
       if
       :: LEADS && lease==REVOKING && ADVISORYFREE ->
          CHECK(leaderepoch==mine, I5_broken);
          if
          :: index==VALID -> record(); epoch++; idle()                        /* the leader may adopt ... */
#if defined(NTXC) && !defined(HALFLOST)
          :: index!=ABSENT && grants<GRANTS -> take()                         /* begun contract: only forward, inflight stays */
          :: index!=ABSENT && grants>=GRANTS
          :: index==ABSENT -> epoch++; idle()
#else
          :: else -> epoch++; idle()                                          /* ... or leave it to the next holder */
          :: index==VALID -> epoch++; idle()
#endif
          fi
       :: else
       fi }
#endif

#ifdef HASCONTRACT
  :: mine>0 && barrier==0 && barriers<BARRIERS -> /* Barrier: also before its turn and while a run is in flight */
     atomic {
       ADMISSIONSGONE || !LEADS;
       if
#ifndef GATE
       :: LEADS && barrier==0 && !IN(finished,2) -> barrier = 2; standing = 2; barriers++
#endif
#ifndef LANE
       :: LEADS && barrier==0 && !IN(finished,3) -> barrier = 3; standing = 3; barriers++
#endif
       :: else
       fi }
  :: atomic { mine>0 && LEADS && barrier!=0 -> barrier = 0; standing = 0 }   /* lifted at its deadline, also while in flight */
#endif
  :: break
  od }

proctype Backend(byte id) {
  byte token = 0, v = 0, tokens = 0, tries = 0;
#ifdef GROUP
  byte upto = 0;                                  /* the last version of what was opened together */
#endif
  do
  :: atomic { token==0 && tokens<TOKENS && lease==HELD -> token = epoch; v = first; tokens++ }   /* old by the time it is used */

  :: atomic { token>0 && tries<TRIES && !NONTRANS(v) -> tries++;
       /* the agent asks for the next version of its run, or by mistake for the contract that the run passes over */
#ifdef LANE
       if :: skip :: v!=2 -> v = 2 fi;
#endif
       if                                         /* open */
       :: OPENTOKEN && OPENORDER && OPENALONE && OPENWHOLE && OPENGATE ->
          alive = alive | BIT(id); opened = opened | BIT(id); keyshare = keyshare | BIT(id);
#ifdef GROUP
          upto = v;
          do
          :: upto<last -> upto++                  /* open_group: a range of the run */
          :: break
          od
#endif
       :: else -> token = 0; v = 0
       fi };
     if
     :: token>0 ->
        atomic {                                  /* the statements begin */
          if
          :: IN(alive,id) -> executing = executing | BIT(id);
             CHECK(I4 && !IN(hist,v) && (KIND(v)==CONTRACT -> applied>=PREV(v) : applied==PREV(v)), I4_broken)
          :: else
          fi };
        if
        :: skip
        :: atomic { gone(id) }                    /* connection lost, process killed: the transaction rolls back */
#ifdef NOMUSTCLOSE
        :: atomic { IN(alive,id) -> effect = effect | BIT(v); gone(id) }   /* the SQL contained COMMIT; the trigger raises LS002 */
#endif
        fi;
        atomic {                                  /* close and COMMIT */
          if
          :: IN(alive,id) && CLOSETOKEN && CLOSEORDER ->
             CHECK(epoch==token && lease==HELD, I3_broken);
#ifdef GROUP
             do
             :: v<upto ->                         /* the rows of the versions before the last, in the same commit */
                if :: IN(effect,v) -> again = 1 :: else fi;
#ifndef PARTCLOSE
                hist = hist | BIT(v);
#endif
                effect = effect | BIT(v); applied = v; v++
             :: else -> break
             od;
#endif
             if :: IN(effect,v) -> again = 1 :: else fi;
             hist = hist | BIT(v); effect = effect | BIT(v);
             if
             :: KIND(v)==CONTRACT -> finished = finished | BIT(v);
#ifdef LANEAPPLIED
                applied = v
#endif
             :: else -> applied = v
             fi;
#ifdef CLOSELIFTS
             barrier = 0;
#endif
             if :: barrier==v -> barrier = 0 :: else fi;          /* NULLIF(barrier, version) */
             if :: standing==v -> standing = 0 :: else fi;
             if
             :: v==last ->
                idle(); token = 0; v = 0;
#ifdef BARRIEREND
                barrier = 0
#endif
             :: v<last -> v = NEXT(v)
             :: else -> token = 0; v = 0
             fi
          :: else -> token = 0; v = 0
          fi;
#ifdef GROUP
          upto = 0;
#endif
          gone(id) }
     :: else
     fi

#ifdef HASNONTX
#ifdef TOKENFIRST
  :: atomic { token>0 && tries<TRIES && NONTRANS(v) -> tries++;
       if :: epoch==token && lease==HELD :: else -> token = 0; v = 0 fi };        /* the token first ... */
     atomic {                                     /* ... then the lock */
       if
       :: token==0
       :: token>0 && ADVISORYFREE -> advisory = id+1; alive = alive | BIT(id)
       :: else -> token = 0; v = 0
       fi };
#else
  :: atomic { token>0 && tries<TRIES && NONTRANS(v) -> tries++;
       if :: ADVISORYFREE -> advisory = id+1; alive = alive | BIT(id) :: else -> token = 0; v = 0 fi };   /* lock first ... */
     atomic {                                     /* ... then the token, and the intent row */
       if
       :: token==0
       :: token>0 && IN(alive,id) && epoch==token && lease==HELD
       :: else -> gone(id); token = 0; v = 0
       fi };
#endif
     if
     :: token>0 ->
#ifndef NTXC
        atomic { if :: IN(alive,id) && index==INVALID -> index = ABSENT :: else fi };                     /* inspect, clean */
#endif
        atomic {
          if
          :: IN(alive,id) && index!=VALID -> executing = executing | BIT(id); CHECK(I4, I4_broken)
          :: else
          fi };
        atomic { if :: IN(alive,id) && IN(executing,id) -> CLEAR(executing,id); index = VALID :: else fi };
        if :: skip :: atomic { gone(id) } fi;
        atomic {                                  /* verify from the catalog, record */
          if
          :: IN(alive,id) && epoch==token && lease==HELD && index==VALID && CLOSEORDER ->
             record(); idle()
          :: else
          fi;
          gone(id); token = 0; v = 0 }
     :: else
     fi
#endif
  :: break
  od }

#ifndef FENCE
proctype Instance(byte id) {
  byte starts = 0; bool open = 0;
#ifdef STALEDONE
  byte known = 0;
#endif
  do
  :: starts<STARTS && !serving[id] && !session[id] -> starts++;
#ifdef STALEDONE
     known = finished;
#endif
     atomic { admitting = admitting | BIT(id); open = COMPATIBLE(id) };      /* FOR KEY SHARE on the chain row, then the verdict */
     atomic {                                                               /* insert, commit */
       if :: open -> CHECK(!CONCERNS(barrier,id), I8_broken); session[id] = 1 :: else fi;
       CLEAR(admitting,id) };
     atomic { if :: open -> serving[id] = 1 :: else fi; open = 0 }
  :: atomic { serving[id] -> serving[id] = 0; session[id] = 0 }              /* closed */
#ifdef NONCEGONE
  :: atomic { serving[id] && id==0 && session[id] -> session[id] = 0 }       /* a second pod of this id came: a newer nonce */
#endif
  :: break
  od }
#endif

active proctype Monitor() {
end:
  atomic {
    !(I1 && I2 && I7 && I9 && I12 && BARRIERKEPT && INFLIGHTKEPT && CONFLICTKEPT && !(GOAL)) ->
    if
    :: !(I1) -> assert(I1_broken)
    :: !(I2) -> assert(I2_broken)
    :: !(I7) -> assert(I7_broken)
    :: !(I9) -> assert(I9_broken)
    :: !(I12) -> assert(I12_broken)
    :: !(BARRIERKEPT) -> assert(barrier_lost)
    :: !(INFLIGHTKEPT) -> assert(inflight_wrong)
    :: !(CONFLICTKEPT) -> assert(conflict_overtaken)
    :: (GOAL) -> assert(goal_reached)
    fi } }

init {
  atomic {
#ifdef FENCE
    run Coordinator(0); run Coordinator(1); run Backend(0); run Backend(1)
#else
    run Coordinator(0); run Backend(0); run Instance(0); run Instance(1);
#ifdef TAKEOVER
    run Coordinator(1);
#endif
#ifdef ZOMBIE
    run Backend(1);
#endif
    skip
#endif
  } }
