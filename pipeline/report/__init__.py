"""Pictures of what a store holds; the only place that knows matplotlib (extra ``plots``)."""
