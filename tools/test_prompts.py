"""Score prompts on a model that was not trained with any.

Example:
    python tools/test_prompts.py refhuman_val.json images/ \\
        --config CONFIG.py --checkpoint CHECKPOINT.pth

The model finds all persons of an image, each prompt chooses among them (see
docs/uniphd.md), and ``RefHumanMetric`` compares with the person that was
meant, for each kind of prompt. Captions with words that the grammar does not
know are counted and left out. A UniPHD is scored by ``tools/test.py``.
"""
import argparse


def parse_args(argv=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('ann_file', help="annotations in RefHuman's format")
    parser.add_argument('images', help='folder of the images')
    parser.add_argument(
        '--config', help='config file (default: the one in the checkpoint)')
    parser.add_argument('--checkpoint', required=True, help='checkpoint file')
    parser.add_argument(
        '--score-thr',
        type=float,
        default=0.1,
        help='persons that score less are never meant (%(default)s)')
    parser.add_argument(
        '--device', help='e.g. cpu, cuda:0 (default: what is available)')
    return parser.parse_args(argv)


def run(args):
    """Predict, choose, compare and print."""
    from functools import lru_cache

    import torch

    from mmhqnet.apis import HQNetInferencer
    from mmhqnet.apis.prompt_selection import choice_among
    from mmhqnet.datasets import RefHumanDataset
    from mmhqnet.errors import InputError
    from mmhqnet.evaluation import RefHumanMetric
    from mmhqnet.models.detectors import UniPHD
    inferencer = HQNetInferencer(
        args.config, args.checkpoint, args.device, show_progress=False)
    if isinstance(inferencer.model, UniPHD):
        raise InputError('a UniPHD reads prompts itself: use tools/test.py')
    dataset = RefHumanDataset(
        ann_file=args.ann_file,
        data_prefix=dict(img=args.images),
        test_mode=True,
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='SamplePrompt', random=False),
            dict(type='LoadHumanAnnotations'),
            dict(
                type='PackRefInputs',
                meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape',
                           'instances'))
        ])
    metric = RefHumanMetric()
    metric.dataset_meta = dataset.metainfo

    @lru_cache(maxsize=4)  # prompts of an image follow each other
    def persons_in(path):
        persons, = inferencer.predict(path, score_thr=args.score_thr)
        return persons

    compared = refused = 0
    for data in dataset:
        sample = data['data_samples']
        persons = persons_in(sample.img_path)
        try:
            index = choice_among(persons, sample.prompt).index
        except InputError:  # words that the grammar does not know
            refused += 1
            continue
        compared += 1
        answer = persons.to_instances()[torch.tensor([] if index is
                                                     None else [index]).long()]
        metric.process(
            {}, [dict(sample.to_dict(), pred_instances=answer.to_dict())])
    if not compared:
        raise InputError(f'{args.ann_file}: none of the prompts can be read')
    print(f'{compared} prompts compared, {refused} captions have words that '
          'the grammar does not know')
    for name, value in metric.evaluate(compared).items():
        print(f'{name}: {value:.4f}')


def main(argv=None):
    """Command line of the tool."""
    args = parse_args(argv)
    # After the arguments, so that --help answers at once.
    from mmhqnet.errors import one_line_errors
    one_line_errors(run)(args)


if __name__ == '__main__':
    main()
