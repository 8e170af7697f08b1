"""A cache that is bounded by the bytes that its values take."""

from customers.adapters.postgres.engine.weighted_cache import WeightedCache


def test_values_that_were_used_last_are_kept_up_to_a_weight() -> None:
    cache = WeightedCache[str, int](100)
    for number, key in enumerate("abc"):
        cache.put(key, number, 40)
        cache.get("a")

    assert [cache.get(key) for key in "abc"] == [0, None, 2]
    assert cache.weight == 80


def test_a_value_that_is_put_again_counts_once() -> None:
    cache = WeightedCache[str, int](100)
    cache.put("a", 1, 60)
    cache.put("a", 2, 70)

    assert (cache.get("a"), cache.weight) == (2, 70)


def test_a_value_that_weighs_more_than_the_cache_may_is_not_kept() -> None:
    cache = WeightedCache[str, int](100)
    cache.put("a", 1, 101)

    assert (cache.get("a"), cache.weight) == (None, 0)
