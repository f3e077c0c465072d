"""A private PostgreSQL for tests, bench and demo, on a loopback port, gone when it is done with."""

from tools.postgres.cluster import Cluster, PostgresError, PostgresMissing

__all__ = ["Cluster", "PostgresError", "PostgresMissing"]
