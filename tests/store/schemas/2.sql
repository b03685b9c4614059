-- The tables of a run's file, run.db. docs/schema.md is generated from these comments.
-- SQLite keeps NaN as NULL and infinities as they are. Where NULL could mean two things, the column says which.
-- Rows that follow a training (step, hyperparameter, metric, layer) are only ever added; their ids rise in the
-- order of recording, so that a reader can follow with "id > the last one seen".

-- The one run of this file.
CREATE TABLE run (
    id                INTEGER PRIMARY KEY CHECK (id = 1), -- always 1
    name              TEXT NOT NULL,    -- name of the run, as its folder was called when it was made
    script            TEXT NOT NULL,    -- script or module that was run, as it was named
    argv              TEXT NOT NULL,    -- JSON list: the script's own arguments
    command           TEXT NOT NULL,    -- the whole command line
    source            TEXT NOT NULL,    -- the script's text
    environment       TEXT NOT NULL,    -- JSON object: versions, device, seeds, git commit
    status            TEXT NOT NULL,    -- running, finished, failed, interrupted, stopped; readers say crashed where it is running and its process is gone
    exit_code         INTEGER,          -- of the script; NULL until it ended
    error             TEXT,             -- the script's own exception, "ValueError: …"; NULL if none
    started           REAL NOT NULL,    -- seconds since the epoch
    ended             REAL,             -- seconds since the epoch; NULL until it ended
    heartbeat         REAL NOT NULL,    -- seconds since the epoch: last sign of life, renewed with every write
    steps             INTEGER NOT NULL, -- optimizer steps so far
    backwards         INTEGER NOT NULL, -- backward passes so far
    process           TEXT NOT NULL,    -- JSON object: id, start and machine of the writing process
    revision          INTEGER NOT NULL, -- number of writes so far
    findings_revision INTEGER NOT NULL  -- revision at which the findings were last replaced; 0: never diagnosed
);

-- Optimizers, in order of first sight.
CREATE TABLE optimizer (
    number     INTEGER PRIMARY KEY, -- its index, from 0; steps carry it
    name       TEXT NOT NULL,       -- class name, or "by hand"
    settings   TEXT NOT NULL,       -- JSON object: defaults of the first group
    parameters TEXT NOT NULL,       -- JSON list of parameter numbers
    created    TEXT,                -- place where it was made, "train.py:30"; NULL: not seen
    stepped    TEXT                 -- place where step was called; NULL: not seen
);

-- Parameter tensors that capture met: the columns of the parameter layers.
CREATE TABLE parameter (
    number        INTEGER PRIMARY KEY, -- its column in layer.data, from 0
    name          TEXT NOT NULL,       -- dotted name in its model
    shape         TEXT NOT NULL,       -- JSON list of sizes
    module        TEXT NOT NULL,       -- class of the owning module, "" for a bare tensor
    optimizer     INTEGER,             -- number of the optimizer that holds it; NULL: none
    requires_grad INTEGER NOT NULL,    -- 0 or 1, as at the last look
    in_model      INTEGER NOT NULL,    -- 0 or 1: registered in the outermost module called
    module_called INTEGER NOT NULL,    -- 0 or 1: its module ran in a training forward
    reached       INTEGER NOT NULL,    -- 0 or 1: a training loss's graph led to it
    received      INTEGER NOT NULL,    -- optimizer steps at which it held a gradient
    is_parameter  INTEGER NOT NULL     -- 0 or 1: an nn.Parameter
);

-- Nonlinearities met in the autograd graph: the columns of the activation layers.
CREATE TABLE activation (
    number   INTEGER PRIMARY KEY, -- its column in layer.data, from 0
    name     TEXT NOT NULL,       -- "relu after fc1.weight"
    function TEXT NOT NULL,       -- relu, sigmoid, tanh, …
    units    INTEGER NOT NULL     -- channels or features
);

-- One row for each optimizer step. A NULL among loss, grad_norm, lr, clip_threshold and clip_factor is a NaN that
-- was recorded, unless its bit of "unrecorded" is set.
CREATE TABLE step (
    id             INTEGER PRIMARY KEY,                                -- order of recording
    step           INTEGER NOT NULL CHECK (typeof(step) = 'integer'),  -- optimizer steps of the run so far, over all optimizers
    optimizer      INTEGER NOT NULL CHECK (typeof(optimizer) = 'integer'), -- which optimizer stepped
    time           REAL NOT NULL CHECK (typeof(time) = 'real'),        -- seconds since the run began
    micro_steps    INTEGER NOT NULL CHECK (typeof(micro_steps) = 'integer'), -- backward passes that the step follows: since its gradients were cleared, or its last step
    loss           REAL CHECK (typeof(loss) IN ('real', 'null')),      -- the function whose gradient the step follows: sum of the roots of its backward passes
    grad_norm      REAL CHECK (typeof(grad_norm) IN ('real', 'null')), -- global L2 norm of the gradients before surefoot's clipper
    lr             REAL CHECK (typeof(lr) IN ('real', 'null')),        -- learning rate of the first parameter group
    clip_threshold REAL CHECK (typeof(clip_threshold) IN ('real', 'null')), -- threshold of the attached clipper
    clip_factor    REAL CHECK (typeof(clip_factor) IN ('real', 'null')),    -- what it multiplied the gradients by, in (0, 1]
    unrecorded     INTEGER NOT NULL -- sum over what was not recorded: 1 loss, 2 grad_norm, 4 lr, 8 clip_threshold, 16 clip_factor
);

-- Settings of parameter groups (lr, momentum, betas …), one row for each change.
CREATE TABLE hyperparameter (
    id           INTEGER PRIMARY KEY, -- order of recording
    step         INTEGER NOT NULL,    -- step from which it holds
    optimizer    INTEGER NOT NULL,    -- which optimizer
    group_number INTEGER NOT NULL,    -- parameter group, from 0
    name         TEXT NOT NULL,       -- "momentum"
    value        TEXT NOT NULL        -- JSON value; NaN and Infinity allowed
);

-- Scalars by name: validation loss, what the user logged, surefoot's own probes. Steps may come in any order.
CREATE TABLE metric (
    id    INTEGER PRIMARY KEY,                               -- order of recording
    step  INTEGER NOT NULL CHECK (typeof(step) = 'integer'), -- step it belongs to
    name  TEXT NOT NULL,                                     -- "val_loss"
    value REAL CHECK (typeof(value) IN ('real', 'null')),    -- NULL is NaN
    time  REAL NOT NULL CHECK (typeof(time) = 'real')        -- seconds since the run began
);

CREATE INDEX metric_of ON metric (name);

-- One quantity of all parameters or all activations at a sampled step.
CREATE TABLE layer (
    id        INTEGER PRIMARY KEY, -- order of recording
    step      INTEGER NOT NULL CHECK (typeof(step) = 'integer'), -- sampled step
    optimizer INTEGER NOT NULL CHECK (typeof(optimizer) = 'integer'), -- whose step it was
    family    TEXT NOT NULL,       -- "parameter" or "activation"
    quantity  TEXT NOT NULL,       -- "grad_norm", "dead_share", …
    data      BLOB NOT NULL        -- float32, little-endian, one entry a column (parameter.number or activation.number); NaN or missing at the end: not measured
);

-- What capture saw of the loop's structure; docs/facts.md lists the kinds.
CREATE TABLE fact (
    id       INTEGER PRIMARY KEY, -- order of first sight
    kind     TEXT NOT NULL,       -- what sort of fact
    subject  TEXT NOT NULL,       -- what it is about
    step     INTEGER NOT NULL,    -- step at which it was last brought up to date
    data     TEXT NOT NULL,       -- JSON object; NaN and Infinity allowed
    revision INTEGER NOT NULL,    -- run.revision of its last change
    UNIQUE (kind, subject)
);

-- The latest diagnosis made while the run was recorded, the main finding first.
CREATE TABLE finding (
    position     INTEGER PRIMARY KEY, -- from 0
    code         TEXT NOT NULL,       -- name of the rule
    severity     TEXT NOT NULL,       -- error, warning, information
    title        TEXT NOT NULL,       -- what is wrong, one sentence
    fix          TEXT NOT NULL,       -- what to change, one sentence
    step         INTEGER,             -- step at which it shows first; NULL: from the start
    evidence     TEXT NOT NULL,       -- JSON object; NaN and Infinity allowed
    place        TEXT,                -- parameter, module or script line; NULL: none
    confidence   REAL NOT NULL,       -- in (0, 1]
    because      TEXT NOT NULL,       -- JSON list of codes that it follows from
    consequences TEXT NOT NULL        -- JSON list of findings folded under it, with these same names
);

-- Full blocks of rows of step and metric once more, by column, so that a million steps are read in milliseconds.
-- Rows later than the last block's last_id are only in their own table.
CREATE TABLE block (
    id      INTEGER PRIMARY KEY, -- order of writing
    source  TEXT NOT NULL,       -- "step" or "metric"
    key     TEXT NOT NULL,       -- number of the optimizer, or name of the metric
    name    TEXT NOT NULL,       -- column of the source table
    rows    INTEGER NOT NULL,    -- how many rows it holds, at least 3
    last_id INTEGER NOT NULL,    -- id of the last of them
    data    BLOB NOT NULL        -- little-endian: one 8-byte value (all rows equal), else 4 or 8 bytes a row; integers for step, micro_steps and unrecorded, else floats
);

CREATE INDEX block_of ON block (source, key, name, id);

-- Versions of this schema that the file went through; the highest is also PRAGMA user_version.
CREATE TABLE migration (
    version INTEGER PRIMARY KEY, -- from 1
    name    TEXT NOT NULL,       -- what it did
    applied REAL NOT NULL        -- seconds since the epoch
);
