"""Compare trackers on the same detections: one pass of HQNet for all.

Example:
    python tools/analysis_tools/compare_trackers.py \
        configs/tracking/hqnet_toy_r18_human-queries_toy-videos.py \
        --detector CHECKPOINT.pth --box-only BOX_ONLY.pth

Prints IDF1, MOTA and identity switches of human queries (gallery by nearest
member and by mean), of boxes and motion alone (SORT), ByteTrack and OC-SORT.
"""
import argparse

from mmengine.config import DictAction

CONFIGS = dict(
    SORT='hqnet_r50_sort_posetrack21.py',
    ByteTrack='hqnet_r50_bytetrack_posetrack21.py',
    **{'OC-SORT': 'hqnet_r50_ocsort_posetrack21.py'})


def parse_args(argv=None):
    parser = argparse.ArgumentParser(
        description='Compare trackers on the same detections.')
    parser.add_argument('config', help='config of configs/tracking/')
    parser.add_argument(
        '--detector', required=True, help='checkpoint of the detector')
    parser.add_argument(
        '--detector-config',
        metavar='CONFIG',
        help='config of the detector, if it is another than that of the first '
        'config; it has to normalise images alike')
    parser.add_argument(
        '--box-only',
        metavar='CHECKPOINT',
        help='also the queries of this model, trained on boxes alone, on the '
        "detections of its own; its task heads are switched off")
    parser.add_argument('--out', help='JSON file for the numbers')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE')
    parser.set_defaults(launcher='none', work_dir=None)
    return parser.parse_args(argv)


def load_detector(path):
    """The model of a config, as a detector whose queries are tracked."""
    from mmhqnet.files import read_config
    detector = read_config(path).model
    del detector.data_preprocessor
    detector.test_cfg = dict(detector.get('test_cfg', {}), with_queries=True)
    return detector


def detect(cfg, checkpoint):
    """Run the detector over all frames.

    Returns:
        list[DetDataSample]: Frame after frame, video after video, on the CPU.
    """
    import torch
    from mmengine.registry import init_default_scope
    from mmengine.runner import Runner

    from mmhqnet.checkpoints import check_weights_fit, read_checkpoint
    from mmhqnet.registry import MODELS

    init_default_scope(cfg.get('default_scope', 'mmdet'))
    model = MODELS.build(cfg.model).eval()
    weights = read_checkpoint(checkpoint)['state_dict']
    check_weights_fit(model.detector, weights, checkpoint)
    model.detector.load_state_dict(weights, strict=False)
    frames = []
    for batch in Runner.build_dataloader(cfg.test_dataloader):
        batch = model.data_preprocessor(batch)
        inputs, samples = batch['inputs'], batch['data_samples']
        with torch.no_grad():
            frame, = model.detector.predict(inputs[:, 0], [samples[0][0]])
        # Tracking needs neither masks nor poses, and many frames no memory.
        for field in ('masks', 'keypoints', 'keypoint_scores',
                      'keypoints_visible'):
            frame.pred_instances.pop(field, None)
        frames.append(frame)
    return frames


def score(frames, tracker, evaluator):
    """Run one tracker over the detections; its IDF1, MOTA and switches."""
    import copy

    from mmhqnet.registry import METRICS
    metric = METRICS.build(evaluator)
    tracker.reset()
    for frame in frames:
        frame = copy.deepcopy(frame)
        frame.pred_track_instances = tracker.track(
            model=None, img=None, feats=None, data_sample=frame)
        metric.process_image([frame], frame.ori_video_length)
    values = metric.compute_metrics(metric.results)
    return {name: values[name] for name in ('IDF1', 'MOTA', 'IDSW')}


def trackers(cfg):
    """Trackers by name: of the config, its other gallery, and mmdet's."""
    import copy
    from pathlib import Path

    from mmhqnet.files import read_config
    folder = Path(cfg.filename).parent
    own = cfg.model.tracker
    found = {
        f'human queries ({gallery})': dict(own, gallery=gallery)
        for gallery in ('min', 'mean')
    }
    for name, file in CONFIGS.items():
        found[name] = read_config(folder / file).model.tracker
    return copy.deepcopy(found)


def compare(args):
    import mmhqnet.utils.launch as launch
    from mmhqnet.files import write_json
    from mmhqnet.registry import MODELS

    cfg = launch.load_config(args)
    if args.detector_config:
        cfg.model.detector = load_detector(args.detector_config)
    frames = detect(cfg, args.detector)
    rows = {
        name: score(frames, MODELS.build(tracker), cfg.test_evaluator)
        for name, tracker in trackers(cfg).items()
    }
    if args.box_only:
        heads = cfg.model.detector.bbox_head.task_heads
        for name in heads:
            heads[name] = None
        frames = detect(cfg, args.box_only)
        for name, tracker in trackers(cfg).items():
            if name.startswith('human') or name == 'SORT':
                rows[f'box-only model: {name}'] = score(
                    frames, MODELS.build(tracker), cfg.test_evaluator)
    print('| tracker | IDF1 | MOTA | switches |\n|---|---:|---:|---:|')
    for name, row in rows.items():
        print(f"| {name} | {100 * row['IDF1']:.1f} | {100 * row['MOTA']:.1f} "
              f"| {row['IDSW']} |")
    if args.out:
        write_json(args.out, rows)


def main(argv=None):
    args = parse_args(argv)
    from mmhqnet.errors import one_line_errors
    one_line_errors(compare)(args)


if __name__ == '__main__':
    main()
