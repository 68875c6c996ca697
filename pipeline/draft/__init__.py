"""The draft of a manifest: what names and headers of files propose, for a person to review."""

from pipeline.draft.manifest import draft_manifest

__all__ = ["draft_manifest"]
