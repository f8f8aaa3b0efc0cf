"""Who is who: normalise, block, compare, cluster; persons and households."""
