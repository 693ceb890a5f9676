CREATE TABLE public.achievements (
    id integer NOT NULL,
    code character varying(50) NOT NULL,
    name character varying(255) NOT NULL,
    description text,
    icon_url character varying(500),
    points integer DEFAULT 0,
    rarity character varying(20) DEFAULT 'common'::character varying,
    criteria jsonb NOT NULL,
    category character varying(50)
);
CREATE SEQUENCE public.achievements_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.achievements_id_seq OWNED BY public.achievements.id;
CREATE TABLE public.annotations (
    id uuid NOT NULL,
    user_id uuid,
    story_id integer,
    target_element character varying(255),
    annotation_type character varying(30) NOT NULL,
    content text NOT NULL,
    screenshot_url character varying(500),
    status character varying(30) DEFAULT 'open'::character varying,
    votes_count integer DEFAULT 0,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.comments (
    id uuid NOT NULL,
    user_id uuid,
    target_id character varying(255) NOT NULL,
    content text NOT NULL,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.compliance_reports (
    id uuid NOT NULL,
    user_id uuid,
    session_id uuid,
    story_code character varying(30),
    regulations jsonb,
    status character varying(30),
    report jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.compliance_rule_versions (
    id uuid NOT NULL,
    regulation character varying(120) NOT NULL,
    version character varying(40) NOT NULL,
    rules jsonb DEFAULT '{}'::jsonb,
    effective_from timestamp with time zone DEFAULT now(),
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.compliance_run_fixes (
    id uuid NOT NULL,
    report_id uuid NOT NULL,
    path character varying(255) NOT NULL,
    value jsonb DEFAULT 'null'::jsonb,
    applied_by uuid,
    applied_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.digital_twin_edges (
    id uuid NOT NULL,
    snapshot_id uuid NOT NULL,
    edge_key character varying(120) NOT NULL,
    source_node_key character varying(120) NOT NULL,
    target_node_key character varying(120) NOT NULL,
    label character varying(255),
    payload jsonb DEFAULT '{}'::jsonb
);
CREATE TABLE public.digital_twin_nodes (
    id uuid NOT NULL,
    snapshot_id uuid NOT NULL,
    node_key character varying(120) NOT NULL,
    node_type character varying(60) NOT NULL,
    label character varying(255) NOT NULL,
    payload jsonb DEFAULT '{}'::jsonb
);
CREATE TABLE public.digital_twin_snapshots (
    id uuid NOT NULL,
    dpp_instance_id uuid NOT NULL,
    label character varying(255),
    metadata jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.dpp_instances (
    id uuid NOT NULL,
    session_id uuid,
    aas_identifier character varying(500) NOT NULL,
    product_identifier character varying(255),
    product_name character varying(255),
    product_category character varying(100),
    compliance_status jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now(),
    aasx_object_key character varying(500),
    aasx_url character varying(500),
    aasx_filename character varying(255)
);
CREATE TABLE public.edc_assets (
    id uuid NOT NULL,
    asset_id character varying(255) NOT NULL,
    name character varying(255),
    policy_odrl jsonb DEFAULT '{}'::jsonb,
    data_address jsonb DEFAULT '{}'::jsonb,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.edc_negotiations (
    id uuid NOT NULL,
    session_id uuid,
    negotiation_id character varying(255) NOT NULL,
    provider_participant_id character varying(255),
    consumer_participant_id character varying(255),
    asset_id character varying(255),
    current_state character varying(30),
    policy_odrl jsonb,
    state_history jsonb DEFAULT '[]'::jsonb,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.edc_participants (
    id uuid NOT NULL,
    participant_id character varying(255) NOT NULL,
    name character varying(255),
    metadata jsonb DEFAULT '{}'::jsonb
);
CREATE TABLE public.edc_transfers (
    id uuid NOT NULL,
    transfer_id character varying(255) NOT NULL,
    session_id uuid,
    asset_id character varying(255),
    consumer_participant_id character varying(255),
    provider_participant_id character varying(255),
    current_state character varying(30),
    state_history jsonb DEFAULT '[]'::jsonb,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.epics (
    id integer NOT NULL,
    code character varying(20) NOT NULL,
    name character varying(255) NOT NULL,
    description text,
    story_count integer DEFAULT 0,
    order_index integer,
    prerequisite_epics integer[] DEFAULT '{}'::integer[]
);
CREATE SEQUENCE public.epics_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.epics_id_seq OWNED BY public.epics.id;
CREATE TABLE public.gap_reports (
    id uuid NOT NULL,
    user_id uuid,
    story_id integer,
    description text NOT NULL,
    status character varying(30) DEFAULT 'open'::character varying,
    created_at timestamp with time zone DEFAULT now(),
    votes_count integer DEFAULT 0
);
CREATE TABLE public.journey_runs (
    id uuid NOT NULL,
    template_id uuid,
    user_id uuid,
    active_role character varying(50) NOT NULL,
    locale character varying(10) DEFAULT 'en'::character varying,
    status character varying(30) DEFAULT 'active'::character varying,
    current_step_key character varying(120),
    session_id uuid,
    metadata jsonb DEFAULT '{}'::jsonb,
    started_at timestamp with time zone DEFAULT now(),
    updated_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.journey_step_runs (
    id uuid NOT NULL,
    journey_run_id uuid NOT NULL,
    step_key character varying(120) NOT NULL,
    status character varying(30) DEFAULT 'completed'::character varying,
    payload jsonb DEFAULT '{}'::jsonb,
    result jsonb DEFAULT '{}'::jsonb,
    metadata jsonb DEFAULT '{}'::jsonb,
    executed_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.journey_steps (
    id uuid NOT NULL,
    template_id uuid,
    step_key character varying(120) NOT NULL,
    title character varying(255) NOT NULL,
    action character varying(120) NOT NULL,
    order_index integer NOT NULL,
    help_text text,
    default_payload jsonb DEFAULT '{}'::jsonb
);
CREATE TABLE public.journey_templates (
    id uuid NOT NULL,
    code character varying(80) NOT NULL,
    name character varying(255) NOT NULL,
    description text,
    target_role character varying(50) NOT NULL,
    is_active boolean DEFAULT true,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.migration_backfill_state (
    id integer NOT NULL,
    name character varying(80) NOT NULL,
    completed_at timestamp with time zone DEFAULT now()
);
CREATE SEQUENCE public.migration_backfill_state_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.migration_backfill_state_id_seq OWNED BY public.migration_backfill_state.id;
CREATE TABLE public.simulation_sessions (
    id uuid NOT NULL,
    user_id uuid,
    active_role character varying(50) NOT NULL,
    current_story_id integer,
    session_state jsonb DEFAULT '{}'::jsonb,
    started_at timestamp with time zone DEFAULT now(),
    last_activity timestamp with time zone DEFAULT now(),
    is_active boolean,
    journey_run_id uuid
);
CREATE TABLE public.story_progress (
    id uuid NOT NULL,
    user_id uuid,
    story_id integer,
    role_type character varying(50) NOT NULL,
    status character varying(30) DEFAULT 'not_started'::character varying,
    completion_percentage integer DEFAULT 0,
    steps_completed jsonb DEFAULT '[]'::jsonb,
    validation_results jsonb,
    started_at timestamp with time zone,
    completed_at timestamp with time zone,
    time_spent_seconds integer DEFAULT 0
);
CREATE TABLE public.user_achievements (
    id uuid NOT NULL,
    user_id uuid,
    achievement_id integer,
    awarded_at timestamp with time zone DEFAULT now(),
    context jsonb
);
CREATE TABLE public.user_points (
    id uuid NOT NULL,
    user_id uuid,
    total_points integer DEFAULT 0,
    current_streak_days integer DEFAULT 0,
    longest_streak_days integer DEFAULT 0,
    last_activity_date date,
    level integer DEFAULT 1
);
CREATE TABLE public.user_roles (
    id uuid NOT NULL,
    user_id uuid,
    role_type character varying(50) NOT NULL,
    is_active boolean,
    preferences jsonb DEFAULT '{}'::jsonb
);
CREATE TABLE public.user_stories (
    id integer NOT NULL,
    epic_id integer,
    code character varying(30) NOT NULL,
    title character varying(255) NOT NULL,
    description text,
    acceptance_criteria jsonb NOT NULL,
    difficulty_level character varying(20) DEFAULT 'intermediate'::character varying,
    estimated_duration_minutes integer,
    applicable_roles character varying(50)[] DEFAULT '{}'::character varying[],
    order_index integer
);
CREATE SEQUENCE public.user_stories_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.user_stories_id_seq OWNED BY public.user_stories.id;
CREATE TABLE public.users (
    id uuid NOT NULL,
    keycloak_id character varying(255) NOT NULL,
    email character varying(255) NOT NULL,
    display_name character varying(255),
    organization character varying(255),
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.ux_feedback (
    id uuid NOT NULL,
    user_id uuid,
    journey_run_id uuid,
    locale character varying(10) DEFAULT 'en'::character varying,
    role character varying(50) NOT NULL,
    flow character varying(120) NOT NULL,
    score integer NOT NULL,
    comment text,
    created_at timestamp with time zone DEFAULT now()
);
CREATE TABLE public.validation_results (
    id character varying NOT NULL,
    result jsonb DEFAULT '{}'::jsonb
);
CREATE TABLE public.votes (
    id uuid NOT NULL,
    user_id uuid,
    target_id character varying(255) NOT NULL,
    value integer DEFAULT 1,
    created_at timestamp with time zone DEFAULT now()
);
ALTER TABLE ONLY public.achievements ALTER COLUMN id SET DEFAULT nextval('public.achievements_id_seq'::regclass);
ALTER TABLE ONLY public.epics ALTER COLUMN id SET DEFAULT nextval('public.epics_id_seq'::regclass);
ALTER TABLE ONLY public.migration_backfill_state ALTER COLUMN id SET DEFAULT nextval('public.migration_backfill_state_id_seq'::regclass);
ALTER TABLE ONLY public.user_stories ALTER COLUMN id SET DEFAULT nextval('public.user_stories_id_seq'::regclass);
ALTER TABLE ONLY public.achievements
    ADD CONSTRAINT achievements_code_key UNIQUE (code);
ALTER TABLE ONLY public.achievements
    ADD CONSTRAINT achievements_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.annotations
    ADD CONSTRAINT annotations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.comments
    ADD CONSTRAINT comments_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.compliance_reports
    ADD CONSTRAINT compliance_reports_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.compliance_rule_versions
    ADD CONSTRAINT compliance_rule_versions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.compliance_rule_versions
    ADD CONSTRAINT compliance_rule_versions_regulation_version_key UNIQUE (regulation, version);
ALTER TABLE ONLY public.compliance_run_fixes
    ADD CONSTRAINT compliance_run_fixes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.digital_twin_edges
    ADD CONSTRAINT digital_twin_edges_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.digital_twin_edges
    ADD CONSTRAINT digital_twin_edges_snapshot_id_edge_key_key UNIQUE (snapshot_id, edge_key);
ALTER TABLE ONLY public.digital_twin_nodes
    ADD CONSTRAINT digital_twin_nodes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.digital_twin_nodes
    ADD CONSTRAINT digital_twin_nodes_snapshot_id_node_key_key UNIQUE (snapshot_id, node_key);
ALTER TABLE ONLY public.digital_twin_snapshots
    ADD CONSTRAINT digital_twin_snapshots_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.dpp_instances
    ADD CONSTRAINT dpp_instances_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.edc_assets
    ADD CONSTRAINT edc_assets_asset_id_key UNIQUE (asset_id);
ALTER TABLE ONLY public.edc_assets
    ADD CONSTRAINT edc_assets_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.edc_negotiations
    ADD CONSTRAINT edc_negotiations_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.edc_participants
    ADD CONSTRAINT edc_participants_participant_id_key UNIQUE (participant_id);
ALTER TABLE ONLY public.edc_participants
    ADD CONSTRAINT edc_participants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.edc_transfers
    ADD CONSTRAINT edc_transfers_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.edc_transfers
    ADD CONSTRAINT edc_transfers_transfer_id_key UNIQUE (transfer_id);
ALTER TABLE ONLY public.epics
    ADD CONSTRAINT epics_code_key UNIQUE (code);
ALTER TABLE ONLY public.epics
    ADD CONSTRAINT epics_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.gap_reports
    ADD CONSTRAINT gap_reports_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.journey_runs
    ADD CONSTRAINT journey_runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.journey_step_runs
    ADD CONSTRAINT journey_step_runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.journey_steps
    ADD CONSTRAINT journey_steps_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.journey_steps
    ADD CONSTRAINT journey_steps_template_id_order_index_key UNIQUE (template_id, order_index);
ALTER TABLE ONLY public.journey_steps
    ADD CONSTRAINT journey_steps_template_id_step_key_key UNIQUE (template_id, step_key);
ALTER TABLE ONLY public.journey_templates
    ADD CONSTRAINT journey_templates_code_key UNIQUE (code);
ALTER TABLE ONLY public.journey_templates
    ADD CONSTRAINT journey_templates_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.migration_backfill_state
    ADD CONSTRAINT migration_backfill_state_name_key UNIQUE (name);
ALTER TABLE ONLY public.migration_backfill_state
    ADD CONSTRAINT migration_backfill_state_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.simulation_sessions
    ADD CONSTRAINT simulation_sessions_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.story_progress
    ADD CONSTRAINT story_progress_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.story_progress
    ADD CONSTRAINT story_progress_user_id_story_id_role_type_key UNIQUE (user_id, story_id, role_type);
ALTER TABLE ONLY public.user_achievements
    ADD CONSTRAINT user_achievements_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.user_achievements
    ADD CONSTRAINT user_achievements_user_id_achievement_id_key UNIQUE (user_id, achievement_id);
ALTER TABLE ONLY public.user_points
    ADD CONSTRAINT user_points_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.user_points
    ADD CONSTRAINT user_points_user_id_key UNIQUE (user_id);
ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_user_id_role_type_key UNIQUE (user_id, role_type);
ALTER TABLE ONLY public.user_stories
    ADD CONSTRAINT user_stories_code_key UNIQUE (code);
ALTER TABLE ONLY public.user_stories
    ADD CONSTRAINT user_stories_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_keycloak_id_key UNIQUE (keycloak_id);
ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.ux_feedback
    ADD CONSTRAINT ux_feedback_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.validation_results
    ADD CONSTRAINT validation_results_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.votes
    ADD CONSTRAINT votes_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.votes
    ADD CONSTRAINT votes_user_id_target_id_key UNIQUE (user_id, target_id);
CREATE INDEX ix_journey_runs_status ON public.journey_runs USING btree (status);
CREATE INDEX ix_journey_runs_user_id ON public.journey_runs USING btree (user_id);
CREATE INDEX ix_journey_step_runs_run ON public.journey_step_runs USING btree (journey_run_id);
CREATE INDEX ix_ux_feedback_created_at ON public.ux_feedback USING btree (created_at);
ALTER TABLE ONLY public.annotations
    ADD CONSTRAINT annotations_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.user_stories(id);
ALTER TABLE ONLY public.annotations
    ADD CONSTRAINT annotations_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.comments
    ADD CONSTRAINT comments_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.compliance_reports
    ADD CONSTRAINT compliance_reports_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.simulation_sessions(id);
ALTER TABLE ONLY public.compliance_reports
    ADD CONSTRAINT compliance_reports_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.compliance_run_fixes
    ADD CONSTRAINT compliance_run_fixes_applied_by_fkey FOREIGN KEY (applied_by) REFERENCES public.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.compliance_run_fixes
    ADD CONSTRAINT compliance_run_fixes_report_id_fkey FOREIGN KEY (report_id) REFERENCES public.compliance_reports(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.digital_twin_edges
    ADD CONSTRAINT digital_twin_edges_snapshot_id_fkey FOREIGN KEY (snapshot_id) REFERENCES public.digital_twin_snapshots(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.digital_twin_nodes
    ADD CONSTRAINT digital_twin_nodes_snapshot_id_fkey FOREIGN KEY (snapshot_id) REFERENCES public.digital_twin_snapshots(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.digital_twin_snapshots
    ADD CONSTRAINT digital_twin_snapshots_dpp_instance_id_fkey FOREIGN KEY (dpp_instance_id) REFERENCES public.dpp_instances(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.dpp_instances
    ADD CONSTRAINT dpp_instances_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.simulation_sessions(id);
ALTER TABLE ONLY public.edc_negotiations
    ADD CONSTRAINT edc_negotiations_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.simulation_sessions(id);
ALTER TABLE ONLY public.edc_transfers
    ADD CONSTRAINT edc_transfers_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.simulation_sessions(id);
ALTER TABLE ONLY public.simulation_sessions
    ADD CONSTRAINT fk_simulation_sessions_journey_run FOREIGN KEY (journey_run_id) REFERENCES public.journey_runs(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.gap_reports
    ADD CONSTRAINT gap_reports_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.user_stories(id);
ALTER TABLE ONLY public.gap_reports
    ADD CONSTRAINT gap_reports_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.journey_runs
    ADD CONSTRAINT journey_runs_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.simulation_sessions(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.journey_runs
    ADD CONSTRAINT journey_runs_template_id_fkey FOREIGN KEY (template_id) REFERENCES public.journey_templates(id);
ALTER TABLE ONLY public.journey_runs
    ADD CONSTRAINT journey_runs_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.journey_step_runs
    ADD CONSTRAINT journey_step_runs_journey_run_id_fkey FOREIGN KEY (journey_run_id) REFERENCES public.journey_runs(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.journey_steps
    ADD CONSTRAINT journey_steps_template_id_fkey FOREIGN KEY (template_id) REFERENCES public.journey_templates(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.simulation_sessions
    ADD CONSTRAINT simulation_sessions_current_story_id_fkey FOREIGN KEY (current_story_id) REFERENCES public.user_stories(id);
ALTER TABLE ONLY public.simulation_sessions
    ADD CONSTRAINT simulation_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.story_progress
    ADD CONSTRAINT story_progress_story_id_fkey FOREIGN KEY (story_id) REFERENCES public.user_stories(id);
ALTER TABLE ONLY public.story_progress
    ADD CONSTRAINT story_progress_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.user_achievements
    ADD CONSTRAINT user_achievements_achievement_id_fkey FOREIGN KEY (achievement_id) REFERENCES public.achievements(id);
ALTER TABLE ONLY public.user_achievements
    ADD CONSTRAINT user_achievements_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.user_points
    ADD CONSTRAINT user_points_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
ALTER TABLE ONLY public.user_stories
    ADD CONSTRAINT user_stories_epic_id_fkey FOREIGN KEY (epic_id) REFERENCES public.epics(id);
ALTER TABLE ONLY public.ux_feedback
    ADD CONSTRAINT ux_feedback_journey_run_id_fkey FOREIGN KEY (journey_run_id) REFERENCES public.journey_runs(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.ux_feedback
    ADD CONSTRAINT ux_feedback_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id) ON DELETE SET NULL;
ALTER TABLE ONLY public.votes
    ADD CONSTRAINT votes_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);
