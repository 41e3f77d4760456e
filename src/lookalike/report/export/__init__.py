"""The embeddings of a gallery as files for other programs: numpy, Parquet, clip-retrieval, TensorBoard."""

from typing import Final, Literal, get_args

Format = Literal["parquet", "npy", "clip-retrieval", "projector"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
