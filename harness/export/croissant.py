"""A data set as Croissant 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec.html).

Files with size and digest, and a table of scenes that loaders can read. Croissant has no way to say how an HDF5 file's
arrays become records, so the arrays are described in words only.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from harness import __version__
from reference.protocol.dataset import Dataset, DatasetFile

OFFICIAL_ADDRESS = "https://s3.echo.stfc.ac.uk/sciml-datasets/es/cloud_slstr_ds1"
CITATION = "von Laszewski et al., An Overview of MLCommons Cloud Mask Benchmark, arXiv:2312.04799"
_JSON = "@json"
_OWN = [
    "citeAs", "column", "conformsTo", "dataType", "equivalentProperty", "extract", "field", "fileProperty",
    "fileObject",
    "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet",
    "references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField", "transform",
]  # fmt: skip
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
    **{name: f"cr:{name}" for name in _OWN},
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": _JSON},
    "examples": {"@id": "cr:examples", "@type": _JSON},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
}
_ARRAYS = (
    "One HDF5 file per scene: refs (rows, columns, 6) reflectance of S1 to S6, bts (rows, columns, 3) brightness "
    "temperature in K of S7 to S9, bayes (rows, columns, 1) Bayesian cloud mask, above 0 is cloud. "
    "{rows} x {columns} pixels; {patches} patches of {size} x {size} for training, {held} for validation."
)
_FIELDS = (("name", "sc:Text"), ("role", "sc:Text"), ("bytes", "sc:Integer"), ("sha256", "sc:Text"))
_REAL = "Sentinel-3 SLSTR level-1 scenes with the operational Bayesian mask as label."
_MADE_UP = "Synthetic scenes, computed; not observations, and not comparable with the official data set."


def croissant(dataset: Dataset, published: str) -> dict[str, Any]:
    """The description as JSON-LD. `published`: a date, YYYY-MM-DD."""
    files = [("train", file) for file in dataset.train] + [("test", file) for file in dataset.test]
    found: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"cloudmask-{dataset.profile}",
        "description": f"{_MADE_UP if dataset.synthetic else _REAL} {_arrays(dataset)}",
        "version": "1.0.0",
        "identifier": f"sha256:{dataset.digest}",
        "datePublished": published,
        "keywords": ["cloud masking", "Sentinel-3", "SLSTR", "benchmark"],
        "distribution": [_file(dataset, file) for _, file in files],
        "recordSet": [_scenes(files)],
    }
    if dataset.synthetic:
        found["license"] = "https://spdx.org/licenses/Apache-2.0"  # made by this program
        found["citeAs"] = (
            f"CloudMask Harness {__version__}, synthetic scenes of the profile {dataset.profile}"
        )
    else:
        found |= {
            "url": OFFICIAL_ADDRESS,
            "citeAs": CITATION,
        }  # its publisher states no licence with the files
    return found


def _arrays(dataset: Dataset) -> str:
    side = dataset.geometry
    return _ARRAYS.format(
        rows=side.get("scene_height"),
        columns=side.get("scene_width"),
        size=side.get("patch_size"),
        patches=dataset.train_samples,
        held=dataset.eval_samples,
    )


def _file(dataset: Dataset, file: DatasetFile) -> dict[str, Any]:
    address = file.name if dataset.synthetic else f"{OFFICIAL_ADDRESS}/{file.name}"
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": PurePosixPath(file.name).name,
        "contentUrl": address,
        "contentSize": f"{file.size_bytes} B",
        "encodingFormat": "application/x-hdf5",
        "sha256": file.sha256,
    }


def _scenes(files: list[tuple[str, DatasetFile]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "scenes",
        "name": "scenes",
        "description": "Every scene: file, role, size and digest",
        "key": {"@id": "scenes/name"},
        "field": [
            {"@type": "cr:Field", "@id": f"scenes/{name}", "name": name, "dataType": kind}
            for name, kind in _FIELDS
        ],
        "data": [
            {
                "scenes/name": file.name,
                "scenes/role": role,
                "scenes/bytes": file.size_bytes,
                "scenes/sha256": file.sha256,
            }
            for role, file in files
        ],
    }
