-- What the newest build needs besides. It does not wait for contract 4: the two have nothing in common.
CREATE TABLE visits (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  person_id bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
