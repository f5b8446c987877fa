"""Stand-in for nvidia-ml-py: GPUs described by STATE, or by the JSON file named in FAKE_NVML_STATE.

STATE["gpus"][i] holds values by name; a value {"error": CODE} raises that NVML error instead.
STATE["init_error"] makes nvmlInit fail.
"""

import json
import os

NVML_ERROR_UNINITIALIZED = 1
NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_NO_PERMISSION = 4
NVML_ERROR_DRIVER_NOT_LOADED = 9
NVML_ERROR_LIBRARY_NOT_FOUND = 12
NVML_ERROR_GPU_IS_LOST = 15
NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18
NVML_ERROR_UNKNOWN = 999
NVML_TEMPERATURE_GPU = 0
NVML_CLOCK_SM = 1

A100 = {
    "name": "NVIDIA A100-SXM4-40GB",
    "uuid": "GPU-0",
    "utilization": 50,
    "memory_used": 1 << 30,
    "memory_total": 40960 << 20,
    "power_mw": 70_000,
    "energy_mj": 1_000_000,
    "temperature": 40,
    "sm_clock": 1410,
    "max_sm_clock": 1410,
    "bus_width": 5120,
    "pcie_generation": 4,
    "pcie_width": 16,
    "nvlinks": 12,
    "mig": [0, 0],
}
STATE = {"gpus": [dict(A100)], "driver": "550.54.15", "cuda": 12040}
CALLS = []


class NVMLError(Exception):
    def __init__(self, value):
        self.value = value
        super().__init__(f"error {value}")


class _Record:
    def __init__(self, **values):
        self.__dict__.update(values)


def _state():
    path = os.environ.get("FAKE_NVML_STATE")
    if path:
        with open(path) as file:
            return json.load(file)
    return STATE


def _get(index, name):
    CALLS.append((index, name))
    value = _state()["gpus"][index][name]
    if isinstance(value, dict) and "error" in value:
        raise NVMLError(value["error"])
    return value


def nvmlInit():
    if _state().get("init_error"):
        raise NVMLError(_state()["init_error"])


def nvmlShutdown():
    CALLS.append(("all", "shutdown"))


def nvmlSystemGetDriverVersion():
    return _state()["driver"]


def nvmlSystemGetCudaDriverVersion():
    return _state()["cuda"]


def nvmlDeviceGetCount():
    return len(_state()["gpus"])


def nvmlDeviceGetHandleByIndex(index):
    return index


def nvmlDeviceGetName(handle):
    return _get(handle, "name").encode()  # bytes, as older versions return


def nvmlDeviceGetUUID(handle):
    return _get(handle, "uuid")


def nvmlDeviceGetUtilizationRates(handle):
    return _Record(gpu=_get(handle, "utilization"), memory=0)


def nvmlDeviceGetMemoryInfo(handle):
    return _Record(used=_get(handle, "memory_used"), total=_get(handle, "memory_total"))


def nvmlDeviceGetPowerUsage(handle):
    return _get(handle, "power_mw")


def nvmlDeviceGetTotalEnergyConsumption(handle):
    return _get(handle, "energy_mj")


def nvmlDeviceGetTemperature(handle, sensor):
    return _get(handle, "temperature")


def nvmlDeviceGetClockInfo(handle, clock):
    return _get(handle, "sm_clock")


def nvmlDeviceGetMaxClockInfo(handle, clock):
    return _get(handle, "max_sm_clock")


def nvmlDeviceGetMemoryBusWidth(handle):
    return _get(handle, "bus_width")


def nvmlDeviceGetMaxPcieLinkGeneration(handle):
    return _get(handle, "pcie_generation")


def nvmlDeviceGetMaxPcieLinkWidth(handle):
    return _get(handle, "pcie_width")


def nvmlDeviceGetNvLinkState(handle, link):
    if link >= _get(handle, "nvlinks"):
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED)
    return 1


def nvmlDeviceGetMigMode(handle):
    return _get(handle, "mig")
