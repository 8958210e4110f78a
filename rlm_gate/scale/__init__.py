"""Beyond one machine: shards and their merge, many repositories; Ray and Modal run the shards."""
